"""Faults R-18 and R-19: the process ends, hangs or fails, and another takes its place."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from functools import partial

import pytest

from line.engine_room.rooms import broken, dead, held, job, obedient, once, rig, unfit, wait_for
from lineproof.core import Decision
from lineproof.core.budget import RestartBudget
from lineproof.line.engine_room import room as room_module
from lineproof.line.engine_room.events import Done, GivenUp, Lost, Ready
from lineproof.line.engine_room.room import EngineRoom

HUNG_MS = 300
BUSY_MS = 2000  # a busy machine may take as long; how long it takes alone is measured in benchmarks/engine_room.py


@pytest.fixture(scope="module")
def running():
    """One room for many deaths."""
    with rig(restarts=100, hung_ms=HUNG_MS, slots=6) as made:
        yield made


def works_again(running) -> None:
    """After a build of its own, and not before."""
    assert not running.room.ready
    assert not running.room.submit(job())
    running.next(Ready)
    assert running.room.ready
    assert running.room.trouble == ""
    assert running.room.submit(job())
    assert running.next(Done).inspection.decision is Decision.PASS


def test_killed_in_the_middle_of_a_part(running):
    before, restarts = running.pid, running.room.restarts
    slow, waits = job("hold"), job("", 2, key="b")
    assert running.room.submit(slow)
    assert running.room.submit(waits)
    wait_for(held(running.gate).exists)
    killed_ns = time.monotonic_ns()
    os.kill(running.pid, signal.SIGKILL)
    lost = running.next(Lost)
    assert (running.at_ns - killed_ns) / 1e6 < BUSY_MS
    assert lost.jobs == (slow, waits)
    assert lost.text == "the engine's process was ended by signal 9 (Killed)"
    works_again(running)
    assert running.room.restarts == restarts + 1
    assert running.pid != before


def test_killed_while_nothing_was_to_do(running):
    os.kill(running.pid, signal.SIGKILL)
    assert running.next(Lost).jobs == ()
    works_again(running)


def test_a_crash_inside_the_engine(running):
    crashing = job("abort")
    assert running.room.submit(crashing)
    lost = running.next(Lost)
    assert lost.jobs == (crashing,)
    assert lost.text == "the engine's process was ended by signal 6 (Aborted)"
    works_again(running)


def hangs(running, hanging, began_ns: int) -> None:
    lost = running.supervised(Lost)
    after_ms = (running.at_ns - began_ns) / 1e6
    assert HUNG_MS <= after_ms < HUNG_MS + BUSY_MS
    assert lost.jobs == (hanging,)
    assert re.fullmatch(r"the engine hangs: no answer for \d+ ms", lost.text)


def test_an_endless_loop_in_the_engine(running):
    hanging = job("hang")
    began_ns = time.monotonic_ns()
    assert running.room.submit(hanging)
    hangs(running, hanging, began_ns)
    works_again(running)


def test_a_stopped_process(running):
    """It does not even take the job."""
    os.kill(running.pid, signal.SIGSTOP)
    hanging = job()
    began_ns = time.monotonic_ns()
    assert running.room.submit(hanging)
    hangs(running, hanging, began_ns)
    works_again(running)


def test_a_lost_device(running):
    """The process has inspected a part before and cannot any more."""
    failing, behind = [job("lose", 2), job("", 3), job("", 4)], job("", 5)
    with running.busy():
        assert all(running.room.submit(each) for each in (*failing, behind))
    for each in failing:
        done = running.next(Done)
        assert (done.job, done.inspection.decision) == (each, Decision.FAULT)
    assert running.next(Lost) == Lost("3 runs failed one after the other: the GPU is lost", (behind,))
    works_again(running)


def test_a_station_with_odd_pictures_takes_the_engine_from_nobody(running):
    for seq in range(1, 9):
        assert running.room.submit(job("fail", seq))
        assert running.next(Done).inspection.decision is Decision.FAULT
    assert running.room.submit(job("", 1, key="b"))
    assert running.next(Done).inspection.decision is Decision.PASS
    assert running.room.ready


def test_an_engine_that_has_never_inspected_anything_is_replaced():
    with rig(restarts=0) as made:
        for seq in range(1, 4):
            assert made.room.submit(job("fail", seq))
            made.next(Done)
        assert made.next(Lost).text == "3 runs failed one after the other: the run failed: odd"
        made.next(GivenUp)


def test_a_system_without_processes(monkeypatch):
    def none(*_):
        raise OSError(11, "Resource temporarily unavailable")

    with rig(restarts=1) as made:
        monkeypatch.setattr(room_module, "EngineProcess", none)
        os.kill(made.pid, signal.SIGKILL)
        made.next(Lost)
        lost = made.next(Lost)
        assert lost.text == "no process can be started for the engine: [Errno 11] Resource temporarily unavailable"
        assert made.next(GivenUp).text.startswith(lost.text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_whole_line_are_the_lines(running, number):
    with running.busy():
        os.kill(running.pid, number)
    assert running.room.ready


def test_a_line_that_was_slow_to_hear_kills_nobody():
    """Its own pause must not look like one of the engine (R-29)."""
    gate, now_ns, heard = threading.Event(), [0], []

    def slow(event):
        heard.append(event)
        if isinstance(event, Done):
            gate.wait(20)

    room = EngineRoom(
        obedient,
        frame_bytes=10_000,
        slots=3,
        hung_ms=100,
        budget=RestartBudget(0, 300),
        heard=slow,
        clock_ns=lambda: now_ns[0],
    )
    room.start()
    try:
        wait_for(lambda: room.ready)
        assert room.submit(job("", 1))
        assert room.submit(job("", 2))
        wait_for(lambda: len(heard) == 2 and room._process.has_spoken)
        now_ns[0] = 10**12
        room.supervise()
        assert room.ready
        gate.set()
        wait_for(lambda: len(heard) == 3)
        assert isinstance(heard[-1], Done)
    finally:
        gate.set()
        room.close()


def test_a_listener_that_fails_ends_the_room_aloud():
    heard = []

    def deaf(event):
        heard.append(event)
        if isinstance(event, Done):
            raise OSError("no inbox")

    room = EngineRoom(obedient, frame_bytes=10_000, slots=3, hung_ms=100, budget=RestartBudget(9, 300), heard=deaf)
    room.start()
    try:
        wait_for(lambda: room.ready)
        slow = job("hang", 2)
        assert room.submit(job())
        assert room.submit(slow)
        wait_for(lambda: len(heard) == 4)
    finally:
        room.close()
    _, _, lost, given_up = heard
    assert lost == Lost("the engine room failed: OSError: no inbox", (slow,))
    assert isinstance(given_up, GivenUp)


def test_the_budget_is_spent():
    with rig(restarts=1) as made:
        os.kill(made.pid, signal.SIGKILL)
        made.next(Lost)
        made.next(Ready)
        last = job("abort")
        assert made.room.submit(last)
        assert made.next(Lost).jobs == (last,)
        words = (
            "the engine's process was ended by signal 6 (Aborted); given up after 1 restarts in 300 s: restart the line"
        )
        assert made.next(GivenUp).text == words
        assert made.room.trouble == words
        assert not made.room.ready
        assert not made.room.submit(job())
        made.room.supervise()
        assert made.room.restarts == 1


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (unfit, "press-3: the bundle was changed after sealing – copy it again"),
        (broken, "KeyError: 'model'"),
        (dead, "the engine's process was ended by signal 9 (Killed)"),
    ],
)
def test_what_has_never_stood_is_given_up(build, words):
    with rig(build, wait=False) as made:
        assert made.next(GivenUp).text == words
        assert made.room.trouble == words
        assert not made.room.ready
        assert made.room.restarts == 0


def test_a_later_build_that_fails_counts(tmp_path):
    with rig(partial(once, tmp_path / "built"), restarts=2) as made:
        os.kill(made.pid, signal.SIGKILL)
        assert "Killed" in made.next(Lost).text
        unsound = "press-3: the bundle was changed after sealing – copy it again"
        for _ in range(2):
            assert made.next(Lost) == Lost(unsound, ())
        assert made.next(GivenUp).text == f"{unsound}; given up after 2 restarts in 300 s: restart the line"
        assert made.room.restarts == 2
    assert len((tmp_path / "built").read_text().splitlines()) == 3
