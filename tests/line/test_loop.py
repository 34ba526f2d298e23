"""The loop with its real threads, against an engine that raises, is slow and hangs."""

from __future__ import annotations

import threading
import time

import pytest

from builders import frame
from line_rig import BAD, GOOD, UNSURE, Endless, Memory, line_of, parts, scripted_engine
from lineproof.core import Decision
from lineproof.engine.scripted import Hang
from lineproof.errors import EngineError, FrameError, SourceLost
from lineproof.line import loop
from lineproof.signals.scripted import ScriptedSignal
from lineproof.sources.scripted import ScriptedSource


def told(signal: ScriptedSignal) -> dict[str, str]:
    """Part → decision, for lines that answer each part once."""
    assert len({item.part_id for item in signal.sent}) == len(signal.sent)
    return {item.part_id: item.decision.value for item in signal.sent}


def rules(signal: ScriptedSignal) -> dict[str, str]:
    """Part → rule of the first reason."""
    return {item.part_id: item.verdict.reasons[0].rule for item in signal.sent if item.verdict.reasons}


def test_each_part_gets_its_decision_in_order_and_its_record():
    memory = Memory()
    line, signal = line_of(parts("a", "b", "c", "d"), scripted_engine(GOOD, BAD, UNSURE), recorders=(memory,))
    stats = line.run()
    assert list(told(signal).items()) == [("a", "PASS"), ("b", "FAIL"), ("c", "REVIEW"), ("d", "PASS")]
    assert [item.inspection_id for item in memory.kept] == [item.inspection_id for item in signal.sent]
    assert all(image is not None for image in memory.images)
    assert stats.parts == 4
    assert signal.closed
    assert memory.closed


def test_the_signal_goes_first():
    order: list[str] = []

    class Watching(Memory):
        def put(self, inspection, _image) -> None:
            order.append(f"record {inspection.part_id}")

    signal = ScriptedSignal(lambda inspection: bool(order.append(f"signal {inspection.part_id}")))
    line, _ = line_of(parts("a", "b"), signal=signal, recorders=(Watching(),))
    line.run()
    assert order == ["signal a", "record a", "signal b", "record b"]


@pytest.mark.parametrize("error", [EngineError("CUDA 700"), RuntimeError("boom"), MemoryError()])
def test_an_engine_that_raises_is_a_fault_of_that_part_only(error):
    line, signal = line_of(parts("a", "b", "c"), scripted_engine(GOOD, error))
    line.run()
    assert told(signal) == {"a": "PASS", "b": "FAULT", "c": "PASS"}
    assert rules(signal) == {"b": "engine"}


def test_a_hung_inference_is_answered_at_the_deadline_and_its_late_verdict_is_recorded_not_signalled():
    recorded = threading.Event()

    class Noting(Memory):
        def put(self, *what) -> None:
            super().put(*what)
            recorded.set()

    hang, memory = Hang(limit_s=20), Noting()
    source = Restamped([frame("a"), 20.0])
    answered = threading.Event()
    signal = ScriptedSignal(lambda _: bool(answered.set()))
    line, _ = line_of(source, scripted_engine(hang), signal=signal, recorders=(memory,), deadline_ms=60, hung_ms=5000)
    running = threading.Thread(target=line.run)
    running.start()
    assert answered.wait(5)  # while detect has not returned
    assert told(signal) == {"a": "FAULT"}
    assert memory.kept == []
    beats = signal.heartbeats
    time.sleep(0.05)
    assert signal.heartbeats == beats  # the heart stands still while the engine is stuck
    assert "late with part a" in line.troubles["engine"]
    hang.release.set()
    assert recorded.wait(5)  # while the line goes on
    line.stop()
    running.join(5)
    (record,) = memory.kept
    assert record.decision is Decision.FAULT
    assert [reason.rule for reason in record.verdict.reasons] == ["deadline", "deadline"]
    assert record.verdict.reasons[1].text.endswith("after the grab: PASS")
    assert record.inspection_id == signal.sent[0].inspection_id
    assert (line.stats.late, line.stats.late_verdicts) == (1, 1)


def test_parts_behind_a_stuck_one_are_faults_until_the_engine_is_back():
    hang = Hang(limit_s=20)
    line, signal = line_of(
        Restamped([*parts("a", "b", "c"), 0.6, frame("z")]),
        scripted_engine(hang),
        on_demand=False,
        deadline_ms=200,
        hung_ms=5000,
    )
    threading.Timer(0.4, hang.release.set).start()
    line.run()
    assert told(signal) == {"a": "FAULT", "b": "FAULT", "c": "FAULT", "z": "PASS"}
    assert len(line._inspector.engine.images) == 2  # b and c were never begun


class Restamped(ScriptedSource):
    """Frames of a script get their time when they are grabbed, not when the script was written."""

    def grab(self, timeout_s: float):
        return frame(super().grab(timeout_s).part_id)


def test_a_hung_engine_is_replaced_within_the_budget_and_then_given_up():
    hangs = [Hang(limit_s=20) for _ in range(3)]
    memory = Memory()
    line, signal = line_of(
        Endless(0.02), scripted_engine(*hangs), recorders=(memory,), deadline_ms=30, hung_ms=60, restarts=2
    )
    line.run(max_parts=40)
    for hang in hangs:
        hang.release.set()
    assert line.restarts == 2
    assert "given up after 2 restarts" in line.troubles["engine"]
    assert {item.decision for item in signal.sent} == {Decision.FAULT}
    assert rules(signal)["p40"] == "engine"
    assert len(memory.kept) == len(signal.sent) == 40


def test_after_a_replacement_parts_pass_again():
    hang = Hang(limit_s=20)
    line, signal = line_of(Endless(0.02), scripted_engine(hang), deadline_ms=200, hung_ms=400)
    line.run(max_parts=8)
    hang.release.set()
    assert line.restarts == 1
    assert signal.sent[0].decision is Decision.FAULT
    assert signal.sent[-1].decision is Decision.PASS
    assert line.troubles == {}


def test_a_verdict_the_signal_did_not_take_is_no_pass_in_the_record_and_the_heart_stops():
    memory = Memory()
    signal = ScriptedSignal(lambda inspection: inspection.part_id == "b")
    line, _ = line_of([*parts("a", "b"), 0.1], signal=signal, recorders=(memory,), signal_hold_ms=60_000)
    line.run()
    assert [item.part_id for item in signal.sent] == ["a"]
    assert [item.decision for item in memory.kept] == [Decision.PASS, Decision.FAULT]
    assert memory.kept[1].verdict.reasons[0].text == "PASS was not taken: scripted failure"
    assert line.stats.signal_failures == 1
    assert line.troubles == {"signal": "did not take an answer"}


class Diary(ScriptedSignal):
    """Writes down sends and heartbeats in their order."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.entries: list[str] = []

    def send(self, inspection) -> None:
        self.entries.append(f"send {inspection.part_id}")
        super().send(inspection)

    def heartbeat(self) -> None:
        self.entries.append("beat")


def test_the_heart_beats_while_nothing_comes():
    diary = Diary()
    line_of([0.15], signal=diary)[0].run()
    assert diary.entries.count("beat") > 1


def test_the_heart_stands_still_after_a_failed_send_for_as_long_as_told():
    diary = Diary(lambda _: True)
    line_of([frame("a"), 0.15], signal=diary, signal_hold_ms=60_000)[0].run()
    assert "beat" not in diary.entries[diary.entries.index("send a") :]
    diary = Diary(lambda _: True)
    line_of([frame("a"), 0.2], signal=diary, signal_hold_ms=20)[0].run()
    assert diary.entries[-1] == "beat"


def test_a_signal_that_fails_in_a_way_nobody_foresaw_does_not_end_the_line():
    def broken(inspection) -> bool:
        if inspection.part_id == "a":
            raise ZeroDivisionError
        return False

    line, signal = line_of(parts("a", "b"), signal=ScriptedSignal(broken))
    line.run()
    assert told(signal) == {"b": "PASS"}
    assert line.stats.snapshot().decisions == {"PASS": 1, "FAIL": 0, "REVIEW": 0, "FAULT": 1}


def test_records_that_fail_are_counted_and_change_nothing():
    broken, memory = Memory(OSError("disk full")), Memory()
    line, signal = line_of(parts("a", "b"), recorders=(broken, memory))
    line.run()
    assert told(signal) == {"a": "PASS", "b": "PASS"}
    assert line.stats.record_failures == 2
    assert len(memory.kept) == 2


def test_a_damaged_frame_is_a_fault_of_its_part():
    memory = Memory()
    damaged = FrameError("b.png: truncated", part_id="b", origin="parts/b.png")
    line, signal = line_of([frame("a"), damaged, frame("c")], recorders=(memory,))
    line.run()
    assert told(signal) == {"a": "PASS", "b": "FAULT", "c": "PASS"}
    assert rules(signal) == {"b": "frame"}
    assert memory.kept[1].origin == "parts/b.png"
    assert memory.images[1] is None


def test_a_lost_source_is_one_fault_per_outage():
    script = [frame("a"), SourceLost("cable"), SourceLost("cable"), 0.01, frame("b"), SourceLost("again")]
    line, signal = line_of(script)
    line.run()
    assert [item.part_id for item in signal.sent] == ["a", "camera-lost-1", "b", "camera-lost-2"]
    assert rules(signal) == {"camera-lost-1": "source", "camera-lost-2": "source"}


def test_a_lost_source_stops_the_heart():
    line, signal = line_of([SourceLost("cable"), 0.3])
    line.run()
    beats_before_the_loss = 1
    assert signal.heartbeats <= beats_before_the_loss
    assert line.troubles["source"] == "cable"


def test_a_source_that_fails_in_a_way_nobody_foresaw_is_lost():
    class Broken:
        def grab(self, _timeout_s: float):
            raise KeyError("x")

        def close(self) -> None:
            raise OSError("and cannot be closed")

    line, signal = line_of(Broken(), on_demand=False)
    line.run(duration_s=0.15)
    assert told(signal) == {"camera-lost-1": "FAULT"}
    assert "KeyError" in signal.sent[0].verdict.reasons[0].text


def test_free_running_takes_the_newest_and_counts_every_drop():
    source = Endless(0.005)
    line, signal = line_of(source, slow_engine(0.03), trigger="free_running", on_demand=False)
    line.run(max_parts=5)
    numbers = [int(item.part_id[1:]) for item in signal.sent]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] > 4  # it skipped
    assert len(numbers) + line.handoff.drops == line.feeder.grabbed


def test_free_running_as_fast_as_consumed_drops_nothing():
    line, signal = line_of(parts(*"abcdefgh"), slow_engine(0.01), trigger="free_running")
    line.run()
    assert [item.part_id for item in signal.sent] == list("abcdefgh")
    assert line.handoff.drops == 0


def slow_engine(seconds: float):
    engine = scripted_engine()
    quick = engine.detect

    def detect(image):
        time.sleep(seconds)
        return quick(image)

    engine.detect = detect
    return engine


def test_triggered_parts_that_find_no_room_are_faults_and_none_is_dropped():
    line, signal = line_of(parts(*"abcdefgh"), slow_engine(0.15), on_demand=False, queue=2)
    line.run()
    assert [item.part_id for item in signal.sent] == list("abcdefgh")  # oldest first
    assert set(rules(signal).values()) == {"overrun"}
    assert line.handoff.drops == 0
    assert 2 <= line.stats.snapshot().decisions["PASS"] < 8


@pytest.mark.parametrize("trigger", ["each_frame", "free_running"])
def test_a_limit_of_parts_is_exact(trigger):
    line, signal = line_of(Endless(0.001), trigger=trigger, on_demand=False)
    line.run(max_parts=7)
    assert len(signal.sent) == 7
    assert len(signal.sent) + line.handoff.drops == line.feeder.grabbed


@pytest.mark.parametrize("trigger", ["each_frame", "free_running"])
def test_stopping_answers_what_was_grabbed(trigger):
    memory, source = Memory(), Endless(0.002)
    line, signal = line_of(source, slow_engine(0.01), recorders=(memory,), trigger=trigger, on_demand=False, queue=500)
    threading.Timer(0.1, line.stop).start()
    line.run()
    assert line.feeder.grabbed == len(signal.sent) + line.handoff.drops == len(memory.kept) + line.handoff.drops
    assert source.closed.is_set()
    assert signal.closed
    assert memory.closed
    if trigger == "each_frame":
        assert line.handoff.drops == 0


def test_a_duration_ends_the_line():
    line, _ = line_of(Endless(0.01))
    assert 0.1 <= line.run(duration_s=0.1).snapshot().seconds < 5


def test_a_grab_that_hangs_does_not_keep_the_line_from_ending(monkeypatch):
    monkeypatch.setattr(loop, "OVERDUE_S", 0.1)
    release = threading.Event()

    class Hanging(Endless):
        def grab(self, timeout_s: float):
            if self.count == 2:
                release.wait(20)
            return super().grab(timeout_s)

    line, signal = line_of(Hanging(), on_demand=False)
    line.run(duration_s=0.1)
    assert told(signal) == {"p1": "PASS", "p2": "PASS"}
    release.set()
    line.feeder.join(5)


def test_a_hung_inference_does_not_keep_the_line_from_ending():
    hang, memory = Hang(limit_s=20), Memory()
    line, signal = line_of(parts("a"), scripted_engine(hang), recorders=(memory,), deadline_ms=30, hung_ms=50)
    line.run()
    hang.release.set()
    assert told(signal) == {"a": "FAULT"}
    assert [item.decision for item in memory.kept] == [Decision.FAULT]
    assert line.stats.late_verdicts == 0


def test_there_is_one_broad_handler_in_the_line(repo):
    line_folder = repo / "inspect" / "lineproof"
    found = [
        path.relative_to(line_folder).as_posix()
        for room in ("line", "sources", "signals", "core", "rules")
        for path in (line_folder / room).rglob("*.py")
        for text in path.read_text("utf-8").splitlines()
        if "except Exception" in text or text.strip() == "except:" or "except BaseException" in text
    ]
    assert found == ["line/attempt.py"]


def test_durations_never_come_from_the_wall_clock(repo):
    """R-22: a clock set back an hour must not move a deadline."""
    for room in ("line", "sources"):
        for path in (repo / "inspect" / "lineproof" / room).rglob("*.py"):
            assert "time.time(" not in path.read_text("utf-8"), path
