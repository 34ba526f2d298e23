"""A line with stations in real time: one answer for every trigger, whatever the parts around it do."""

from __future__ import annotations

import queue
import time

import pytest

from builders import PROVENANCE, frame
from line.conduct.rig import Rig, outcomes
from line_rig import BAD, CLASSES, GOOD, UNSURE
from lineproof.core import Decision, Frame
from lineproof.core.codes import Cause, FaultCode
from lineproof.core.station import Acknowledged, Alive, Halted, Outcome, RecipeAsked, ResetAsked, State, Triggered
from lineproof.engine.scripted import Hang
from lineproof.errors import EngineError, FrameError, SourceLost, SourceTimeout
from lineproof.line.conduct.eye import Checked
from lineproof.line.engine_room.events import Decides, GivenUp, Lost, Ready
from lineproof.line.station.challenge import KnownParts
from lineproof.sources.scripted import ScriptedSource


@pytest.mark.parametrize(("found", "outcome"), [(GOOD, Outcome.PASS), (BAD, Outcome.FAIL), (UNSURE, Outcome.REVIEW)])
def test_a_trigger_gets_its_answer(found, outcome):
    with Rig(found) as rig:
        rig.plc.ready()
        result = rig.plc.part(1, "A-1")
        assert (result.outcome, result.seq, result.part_id) == (outcome, 1, "A-1")
        assert result.model_id == "0" * 64
    (row,) = rig.shelf.rows
    assert row[0].decision == outcome.decision
    assert row[0].part_id == "A-1"
    assert row[1] is not None
    assert (row[2].seq, row[2].outcome) == (1, outcome)
    assert row[2].triggered.ns < row[2].exposed.ns <= row[2].result.ns


def test_a_result_that_was_read_is_taken_off_and_recorded_as_read():
    with Rig(GOOD) as rig:
        rig.plc.ready()
        rig.plc.part(1)
        rig.plc.until(lambda view: view.result is None and view.ready)
    assert [receipt.seq for receipt in rig.shelf.receipts] == [1]


def test_before_the_engine_is_ready_a_trigger_is_missed():
    rig = Rig()
    rig.room.start = lambda: None  # never ready
    rig.room.close = lambda: None
    with rig:
        rig.plc.until(lambda view: view.state is State.PREOPERATIONAL)
        assert rig.plc.part(1).outcome is Outcome.MISSED


def test_a_defect_is_told_with_its_size_and_class():
    with Rig(BAD) as rig:
        rig.plc.ready()
        result = rig.plc.part(1)
    assert (result.defects, result.top_class, result.worst_size_um) == (1, 0, 900)  # 9 px of 0.1 mm
    assert result.top_score == pytest.approx(0.9)


def test_only_a_frame_exposed_after_the_trigger_answers_it():
    """Frames of a camera that stamps 30 ms after the exposure are waited for so much longer."""
    with Rig(GOOD, lag_ms=30) as rig:
        rig.plc.ready()
        assert rig.plc.part(1).outcome is Outcome.PASS
    cycle = rig.shelf.rows[0][2]
    assert cycle.exposed.ns > cycle.triggered.ns
    assert cycle.result.ns - cycle.triggered.ns >= 30e6


def test_two_views_make_one_answer_and_two_rows():
    with Rig(GOOD, BAD, views=("top", "side")) as rig:
        rig.plc.ready()
        assert rig.plc.part(1).outcome is Outcome.FAIL
    assert sorted(row[0].view for row in rig.shelf.rows) == ["side", "top"]
    assert {row[2].outcome for row in rig.shelf.rows} == {Outcome.FAIL}


def test_an_engine_that_fails_is_an_error_and_the_next_part_is_inspected():
    with Rig(EngineError("the run failed"), GOOD) as rig:
        rig.room.inspector.inspect = _faulting(rig)
        rig.plc.ready()
        first, second = rig.plc.part(1), rig.plc.part(2)
    assert (first.outcome, first.reason_code) == (Outcome.ERROR, Cause.ENGINE)
    assert second.outcome is Outcome.PASS
    assert rig.shelf.rows[0][0].decision is Decision.FAULT


def _faulting(rig):
    """As a room does: what the engine raises becomes a FAULT of its part."""
    from lineproof.core.verdict import fault
    from lineproof.inspector import Inspector

    whole = Inspector.inspect

    def inspect(shot):
        try:
            return whole(rig.room.inspector, shot)
        except EngineError as error:
            return rig.room.inspector.faulted(shot, fault("engine", str(error)))

    return inspect


def test_a_verdict_that_comes_late_is_an_error_and_never_shown():
    hang = Hang(limit_s=0.3)
    with Rig(hang, GOOD, deadline_ms=100) as rig:
        rig.plc.ready()
        result = rig.plc.part(1)
        assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.DEADLINE)
        time.sleep(0.3)
        assert rig.plc.part(2).outcome is Outcome.PASS
    assert not any(
        view.result.outcome is Outcome.PASS for view in rig.plc.views if view.result and view.result.seq == 1
    )
    assert [row[2].outcome for row in rig.shelf.rows] == [Outcome.ERROR, Outcome.PASS]


def test_a_trigger_while_a_part_is_under_way_is_missed_and_both_are_answered():
    hang = Hang(limit_s=5)
    with Rig(hang) as rig:
        rig.plc.ready()
        rig.plc.ask(Triggered(1))
        rig.plc.until(lambda view: view.inspecting)
        rig.plc.ask(Triggered(2))
        rig.plc.until(lambda view: view.missed_trigger)
        hang.release.set()
        assert rig.plc.result(1).outcome is Outcome.PASS
    assert outcomes(rig) == {"PASS": 1, "MISSED": 1}


def test_a_full_room_is_an_error():
    with Rig() as rig:
        rig.plc.ready()
        rig.room.full = True
        result = rig.plc.part(1)
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.ENGINE)


def test_an_engine_that_is_lost_takes_the_part_with_it_and_comes_back():
    hang = Hang(limit_s=1)
    with Rig(hang, GOOD) as rig:
        rig.plc.ready()
        rig.plc.ask(Triggered(1))
        rig.plc.until(lambda view: view.inspecting)
        rig.inbox.put(Lost("the process was killed", ()))
        assert rig.plc.result(1).outcome is Outcome.ERROR
        assert rig.plc.until(lambda view: view.fault_code == FaultCode.ENGINE_LOST).ready is False
        rig.plc.ask(Acknowledged(1), ResetAsked())  # no reset brings it back
        time.sleep(0.05)
        assert rig.plc.views[-1].fault_code == FaultCode.ENGINE_LOST
        hang.release.set()
        rig.inbox.put(Ready({0: Decides(PROVENANCE, CLASSES)}))
        rig.plc.ready()
        assert rig.plc.part(2).outcome is Outcome.PASS


def test_a_camera_that_is_lost_is_a_fault_until_it_is_back():
    with Rig() as rig:
        rig.plc.ready()
        rig.stream.fail = SourceLost("cable")
        lost = rig.plc.until(lambda view: view.fault_code == FaultCode.CAMERA_LOST)
        assert not lost.ready
        assert rig.plc.part(1).outcome is Outcome.MISSED
        rig.stream.fail = None
        rig.plc.ready()
        assert rig.plc.part(2).outcome is Outcome.PASS


def test_a_silent_camera_costs_the_part_its_deadline_and_no_more():
    with Rig(deadline_ms=80) as rig:
        rig.plc.ready()
        rig.stream.silent = True
        result = rig.plc.part(1)
        assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.DEADLINE)
        assert 80 <= result.latency_ms < 200
        rig.stream.silent = False
        assert rig.plc.part(2).outcome is Outcome.PASS


def test_a_damaged_frame_is_an_error_of_its_part():
    with Rig() as rig:
        rig.plc.ready()
        rig.stream.silent = True
        rig.plc.ask(Triggered(1))
        rig.plc.until(lambda view: view.acquiring)
        rig.stream.fail = FrameError("cut off", part_id="x")
        result = rig.plc.result(1)
        assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.BROKEN_FRAME)
        rig.stream.fail, rig.stream.silent = None, False
        assert rig.plc.part(2).outcome is Outcome.PASS


def test_a_frame_that_the_gate_refuses_is_recorded_with_its_picture():
    with Rig(check=lambda _: Checked("too dark: mean 3")) as rig:
        rig.plc.ready()
        result = rig.plc.part(1)
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.BROKEN_FRAME)
    assert "too dark" in result.reasons[0].text
    assert rig.shelf.rows[0][1] is not None


def test_a_controller_that_falls_silent_is_missed():
    with Rig(controller_timeout_ms=100) as rig:
        rig.plc.ask(Alive())
        rig.plc.ready()
        rig.plc.until(lambda view: not view.ready)
        rig.plc.ask(Triggered(1))
        rig.plc.until(lambda view: view.missed_trigger)
        rig.plc.ask(Alive())
        rig.plc.ready()


def test_a_wire_that_commands_and_is_down_is_a_fault():
    with Rig(watchers=("mes",)) as rig:
        rig.plc.ready()
        rig.plc.down = "the port is closed"
        mes = rig.controllers["press"]["mes"]
        mes.until(lambda view: view.fault_code == FaultCode.CONTROLLER_LOST)
        rig.plc.down = ""
        mes.until(lambda view: view.fault_code == 0 and view.ready)
        assert rig.plc.part(1).outcome is Outcome.PASS


def test_a_wire_that_only_watches_is_a_warning_when_down_and_cannot_trigger():
    with Rig(watchers=("mes",)) as rig:
        rig.plc.ready()
        mes = rig.controllers["press"]["mes"]
        mes.ask(Triggered(7))
        mes.down = "no broker"
        assert rig.plc.until(lambda view: view.warning).ready
        assert rig.plc.part(1).outcome is Outcome.PASS
        assert outcomes(rig) == {"PASS": 1}
        mes.down = ""
        rig.plc.until(lambda view: not view.warning)
        mes.ask(Halted(on=True))  # anybody may stop a station
        rig.plc.until(lambda view: view.state is State.HALTED)


def test_a_wire_that_fails_in_a_way_nobody_foresaw_does_not_end_the_line():
    with Rig(watchers=("mes",)) as rig:
        rig.controllers["press"]["mes"].show = lambda _: 1 / 0
        rig.plc.ready()
        assert rig.plc.part(1).outcome is Outcome.PASS


def test_a_recorder_that_raises_is_an_internal_fault_and_the_answer_stands():
    with Rig() as rig:
        rig.plc.ready()
        rig.shelf.put = lambda *_: 1 / 0
        assert rig.plc.part(1).outcome is Outcome.PASS
        rig.plc.until(lambda view: view.fault_code == FaultCode.INTERNAL)
        rig.shelf.put = lambda *_: None
        rig.plc.ask(ResetAsked())
        rig.plc.ready()


def test_storage_trouble_is_shown_and_changes_no_decision():
    trouble = [""]
    with Rig(storage=lambda: trouble[0]) as rig:
        rig.plc.ready()
        trouble[0] = "the disk is full"
        rig.plc.until(lambda view: view.storage_degraded)
        assert rig.plc.part(1).outcome is Outcome.PASS


def test_where_records_are_required_no_part_is_inspected_without_them():
    trouble = [""]
    with Rig(storage=lambda: trouble[0], storage_required=True) as rig:
        rig.plc.ready()
        trouble[0] = "the disk is full"
        rig.plc.until(lambda view: view.fault_code == FaultCode.STORAGE_REQUIRED)
        assert rig.plc.part(1).outcome is Outcome.MISSED
        trouble[0] = ""
        rig.plc.ready()
        assert rig.plc.part(2).outcome is Outcome.PASS


def test_a_replay_gives_one_frame_for_each_trigger_and_ends_the_line():
    def source():
        return ScriptedSource(frame(f"file-{number}") for number in range(3))

    with Rig(GOOD, BAD, GOOD, sources={"main": source}, on_demand=True) as rig:
        rig.plc.ready()
        assert [rig.plc.part(seq).outcome for seq in (1, 2, 3)] == [Outcome.PASS, Outcome.FAIL, Outcome.PASS]
        rig.plc.ask(Triggered(4))
        rig.thread.join(3)
        assert not rig.thread.is_alive()
    assert [row[0].part_id for row in rig.shelf.rows[:3]] == ["file-0", "file-1", "file-2"]
    assert rig.shelf.rows[3][2].outcome is Outcome.ERROR


def test_a_camera_that_is_not_there_at_the_start_is_waited_for():
    there = [False]

    def source():
        if not there[0]:
            raise SourceLost("no camera at index 0")
        return ScriptedSource([0.01] * 10_000)

    with Rig(sources={"main": source}) as rig:
        rig.plc.until(lambda view: view.fault_code == FaultCode.CAMERA_LOST)
        there[0] = True
        time.sleep(0.6)
        assert rig.plc.views[-1].fault_code == FaultCode.CAMERA_LOST  # opened, and no picture yet


def test_stations_do_not_hear_each_other():
    with Rig(*[GOOD] * 100, stations=("press", "oven", "paint"), deadline_ms=2000) as rig:
        plcs = {name: wires["plc"] for name, wires in rig.controllers.items()}
        for plc in plcs.values():
            plc.ready()
        for seq in range(1, 11):
            for name, plc in plcs.items():
                plc.ask(Triggered(seq, f"{name}-{seq}"))
            for name, plc in plcs.items():
                result = plc.result(seq)
                assert (result.part_id, result.outcome) == (f"{name}-{seq}", Outcome.PASS)
                plc.ask(Acknowledged(seq))
    assert {name: outcomes(rig, name) for name in plcs} == {name: {"PASS": 10} for name in plcs}
    assert {(row[0].source_id, row[0].part_id.partition("-")[0]) for row in rig.shelf.rows} == {
        (f"{name}-main", name) for name in plcs
    }


def test_at_the_end_everything_reads_as_no_result():
    with Rig() as rig:
        rig.plc.ready()
        rig.plc.ask(Triggered(1))
        rig.plc.result(1)
    assert rig.plc.closed
    assert rig.plc.views[-1].state is State.HALTED


def test_the_heart_beats_with_the_loop():
    with Rig(heartbeat_ms=20) as rig:
        rig.plc.ready()
        first = rig.plc.views[-1].heartbeat
        rig.plc.until(lambda view: view.heartbeat >= first + 5)


def test_an_engine_that_is_given_up_stays_a_fault():
    with Rig() as rig:
        rig.plc.ready()
        rig.inbox.put(GivenUp("the engine hangs; given up"))
        rig.plc.until(lambda view: view.fault_code == FaultCode.ENGINE_GIVEN_UP)
        rig.plc.ask(ResetAsked())
        time.sleep(0.05)
        assert rig.plc.views[-1].fault_code == FaultCode.ENGINE_GIVEN_UP


def test_a_part_id_that_is_read_on_the_part_is_that_of_its_answer():
    with Rig(check=lambda _: Checked(part_id="CODE-7")) as rig:
        rig.plc.ready()
        assert rig.plc.part(1).part_id == "CODE-7"
        assert rig.plc.part(2, "CODE-7").outcome is Outcome.PASS
    assert [row[0].part_id for row in rig.shelf.rows] == ["CODE-7", "CODE-7"]


def test_a_code_of_another_part_than_the_triggers_is_an_error():
    with Rig(check=lambda _: Checked(part_id="CODE-7")) as rig:
        rig.plc.ready()
        result = rig.plc.part(1, "CODE-8")
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.WRONG_PART)
    assert "CODE-7" in result.reasons[0].text


def test_a_check_that_fails_in_a_way_nobody_foresaw_is_an_error_of_its_part():
    with Rig(check=lambda _: 1 / 0) as rig:
        rig.plc.ready()
        result = rig.plc.part(1)
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.BROKEN_FRAME)
    assert "ZeroDivisionError" in result.reasons[0].text


@pytest.mark.parametrize("allowed", [1, 3])
def test_a_camera_whose_pictures_stay_bad_is_a_fault_until_one_is_good(allowed):
    why = ["too dark: mean 3"]
    with Rig(check=lambda _: Checked(why[0]), bad_in_a_row=allowed) as rig:
        rig.plc.ready()
        for seq in range(1, allowed + 2):
            assert rig.plc.ready().fault_code == 0
            assert rig.plc.part(seq).outcome is Outcome.ERROR
        rig.plc.until(lambda view: view.fault_code == FaultCode.IMAGE_QUALITY)
        assert rig.plc.part(8).outcome is Outcome.MISSED
        why[0] = ""
        rig.plc.ready()
        assert rig.plc.part(9).outcome is Outcome.PASS


def test_a_frozen_camera_is_a_fault_although_no_part_is_there():
    with Rig() as rig:
        rig.plc.ready()
        rig.stream.fail = FrameError("frozen: 2 equal pictures in a row", part_id="x")
        rig.plc.until(lambda view: view.fault_code == FaultCode.IMAGE_QUALITY)
        rig.stream.fail = SourceLost("cable")
        rig.plc.until(lambda view: view.fault_code == FaultCode.CAMERA_LOST)
        rig.stream.fail = None
        rig.plc.ready()


def test_another_recipe_decides_once_it_is_asked_for():
    with Rig() as rig:
        rig.plc.ready()
        rig.plc.ask(RecipeAsked(7))
        rig.plc.until(lambda view: view.ready and view.recipe == 7)
        result = rig.plc.part(1)
        assert (result.outcome, result.recipe, result.model_id) == (Outcome.PASS, 7, "7" * 64)
    assert rig.shelf.rows[0][0].provenance.bundle_digest == "7" * 64


def test_a_recipe_that_is_not_there_is_a_fault_until_one_is_asked_for_that_is():
    with Rig() as rig:
        rig.plc.ready()
        rig.plc.ask(RecipeAsked(9))
        rig.plc.until(lambda view: view.fault_code == FaultCode.RECIPE_UNKNOWN)
        assert rig.plc.part(1).outcome is Outcome.MISSED
        rig.plc.ask(RecipeAsked(7))
        rig.plc.ready()
        assert rig.plc.part(2).recipe == 7


def test_stations_whose_replays_end_at_different_times_end_the_line():
    """Each is triggered again as soon as it is ready: they need not be without a part at the same moment."""

    def source():
        return ScriptedSource(frame(f"file-{number}") for number in range(2))

    with Rig(sources={"main": source}, on_demand=True, stations=("press", "oven"), deadline_ms=100) as rig:
        seqs = dict.fromkeys(rig.controllers, 0)
        end_s = time.monotonic() + 10
        while rig.thread.is_alive() and time.monotonic() < end_s:
            for name, wires in rig.controllers.items():
                plc = wires["plc"]
                if plc.views and plc.views[-1].ready:
                    seqs[name] += 1
                    plc.ask(Triggered(seqs[name]))
                    plc.until(lambda view: not view.ready)
        assert not rig.thread.is_alive()
    assert all(outcomes(rig, name)["PASS"] == 2 for name in seqs)


def test_known_parts_are_checked_before_others_are_inspected():
    known = KnownParts({"OK-1": Outcome.PASS, "NG-1": Outcome.FAIL})
    with Rig(GOOD, BAD, GOOD, known_parts=known) as rig:
        rig.plc.until(lambda view: view.challenge_due and view.takes_known_parts)
        assert rig.conductor.posts["press"].to_show == ("OK-1", "NG-1")
        assert rig.plc.part(1, "4711").outcome is Outcome.MISSED
        assert rig.plc.part(2, "OK-1").outcome is Outcome.PASS
        assert rig.plc.part(3, "NG-1").outcome is Outcome.FAIL
        rig.plc.ready()
        assert rig.plc.part(4, "4711").outcome is Outcome.PASS


def test_a_known_part_judged_wrong_is_fault_in_the_records_and_stops_the_station():
    with Rig(GOOD, known_parts=KnownParts({"NG-1": Outcome.FAIL})) as rig:
        rig.plc.until(lambda view: view.takes_known_parts)
        assert rig.plc.part(1, "NG-1").reason_code == Cause.CHALLENGE
        rig.plc.until(lambda view: view.fault_code == FaultCode.GOLDEN_FAILED)
    ((inspection, _, cycle),) = rig.shelf.rows
    assert (inspection.decision, cycle.outcome) == (Decision.FAULT, Outcome.ERROR)


class Strobed:
    """A camera whose pictures are asked for by the controller's own signal."""

    def __init__(self) -> None:
        self.pictures: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def strobe(self) -> None:
        self.pictures.put(frame("strobed"))

    def grab(self, timeout_s: float) -> Frame:
        try:
            return self.pictures.get(timeout=timeout_s)
        except queue.Empty:
            raise SourceTimeout("no strobe") from None

    def close(self) -> None: ...


def strobed_rig(camera: Strobed, *answers, lead_ms: float = 200, **terms) -> Rig:
    return Rig(*answers, sources={"main": lambda: camera}, trigger_lead_ms=lead_ms, **terms)


def test_a_strobe_may_reach_the_camera_before_its_message():
    camera = Strobed()
    with strobed_rig(camera, GOOD, BAD) as rig:
        rig.plc.ready()
        camera.strobe()
        time.sleep(0.02)
        assert rig.plc.part(1).outcome is Outcome.PASS
        time.sleep(0.25)
        rig.plc.ask(Triggered(2))  # and after it
        time.sleep(0.02)
        camera.strobe()
        assert rig.plc.result(2).outcome is Outcome.FAIL
    first, second = (row[2] for row in rig.shelf.rows)
    assert first.exposed.ns < first.triggered.ns
    assert second.exposed.ns > second.triggered.ns


def test_two_pictures_for_one_trigger_are_nobodys():
    camera = Strobed()
    with strobed_rig(camera, GOOD) as rig:
        rig.plc.ready()
        camera.strobe()
        camera.strobe()
        time.sleep(0.02)
        result = rig.plc.part(1)
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.BROKEN_FRAME)
    assert "several pictures for one trigger" in result.reasons[0].text


def test_a_picture_from_before_the_lead_belongs_to_another_part():
    camera = Strobed()
    with strobed_rig(camera, GOOD, lead_ms=50, deadline_ms=150) as rig:
        rig.plc.ready()
        camera.strobe()
        time.sleep(0.1)
        assert rig.plc.part(1).reason_code == Cause.DEADLINE


def test_parts_closer_than_the_lead_cannot_be_told_apart():
    camera = Strobed()
    with strobed_rig(camera, GOOD, lead_ms=1000) as rig:
        rig.plc.ready()
        camera.strobe()
        assert rig.plc.part(1).outcome is Outcome.PASS
        rig.plc.ready()
        result = rig.plc.part(2)
    assert (result.outcome, result.reason_code) == (Outcome.ERROR, Cause.STALE_FRAME)
    assert "within trigger_lead_ms" in result.reasons[0].text
