"""A trigger that a program fires: its own answer or none, on the real state machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Enabled, Outcome, PartResult, State, StationView, Triggered
from lineproof.core.verdict import Decision, Reason
from lineproof.errors import SignalError
from lineproof.line.station.events import Event, Expose, Exposed, Finding, Inspected, Verified
from lineproof.line.station.machine import step
from lineproof.line.station.station import Station, Terms, view_of
from lineproof.line.triggers.software import SoftwareTrigger

READY = StationView(7, State.READY, ready=True)
BUSY = StationView(7, State.SINGLE_EXECUTION, acquiring=True)


def answer(seq: int, session: int = 7, outcome: Outcome = Outcome.PASS) -> StationView:
    return StationView(session, State.READY, PartResult(session, seq, "", outcome), ready=True)


def ready(**more: object) -> SoftwareTrigger:
    trigger = SoftwareTrigger(Numbering(), **more)
    trigger.show(READY)
    return trigger


def test_a_shot_becomes_a_trigger_and_gets_its_answer():
    woken = []
    trigger = ready(wake=lambda: woken.append(1))
    shot = trigger.fire("p1", recipe=3, deadline_ms=80)
    assert woken == [1]
    assert trigger.commands() == [Triggered(1, "p1", 3, 80)]
    assert trigger.commands() == ()
    trigger.show(BUSY)
    trigger.show(answer(1))
    assert shot.wait(0).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "shown",
    [answer(2), answer(1, session=8), READY, BUSY],
    ids=["other number", "other session", "no result", "under way"],
)
def test_what_is_not_its_answer_is_not_handed_over(shown):
    trigger = ready()
    shot = trigger.fire()
    trigger.commands()
    trigger.show(shown)
    if shown.session == 7:
        assert shot.wait(0.01) is None
    else:
        with pytest.raises(SignalError, match="a new session"):
            shot.wait(0)


def test_a_result_from_before_the_shot_is_not_its_answer():
    """Another trigger has used the number that this one would get."""
    trigger = ready()
    before = answer(1)
    trigger.show(before)
    shot = trigger.fire()
    trigger.commands()
    assert shot.seq == 1
    trigger.show(before)
    assert shot.wait(0.01) is None


def test_the_last_result_is_taken_back_before_the_next_shot():
    trigger = ready()
    trigger.show(answer(41))
    trigger.fire()
    assert trigger.commands() == [Acknowledged(41), Triggered(1)]


def test_one_shot_at_a_time():
    trigger = ready()
    assert trigger.fire() is not None
    assert trigger.fire() is None
    trigger.commands()
    trigger.show(BUSY)
    assert trigger.fire() is None
    trigger.show(answer(1))
    assert trigger.fire() is not None


def test_a_shot_that_nobody_waits_for_any_more_is_not_fired():
    trigger = ready()
    assert trigger.fire().wait(0.01) is None
    assert trigger.commands() == ()


def test_a_late_answer_is_handed_to_nobody():
    trigger = ready()
    first = trigger.fire()
    trigger.commands()
    assert first.wait(0.01) is None
    second = trigger.fire()
    trigger.show(answer(1))
    assert second.wait(0.01) is None
    assert first.wait(0) is None


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (StationView(7, State.ERROR, fault_code=101), "not ready: ERROR, fault 101"),
        (StationView(7, State.PREOPERATIONAL), "not ready: PREOPERATIONAL"),
        (None, "the station does not run"),
    ],
)
def test_a_station_that_cannot_take_it_says_why(view, message):
    trigger = SoftwareTrigger(Numbering())
    if view is not None:
        trigger.show(view)
    with pytest.raises(SignalError, match=message):
        trigger.fire()


def test_a_loop_that_shows_nothing_any_more_takes_no_shot():
    trigger = ready(silent_ms=20)
    time.sleep(0.05)
    with pytest.raises(SignalError, match="does not run"):
        trigger.fire()


def test_close_ends_the_waiting():
    trigger = ready()
    shot = trigger.fire()
    threading.Timer(0.05, trigger.close).start()
    with pytest.raises(SignalError, match="was stopped"):
        shot.wait(5)
    with pytest.raises(SignalError, match="does not run"):
        trigger.fire()
    with pytest.raises(SignalError, match="it was closed"):
        trigger.commands()
    trigger.close()


@contextmanager
def station(trigger: SoftwareTrigger, decision: Decision | None, deadline_ms: float = 200) -> Iterator[None]:
    """A decision loop around the real state machine; every part gets this decision, or none at all."""
    state = Station(Terms(deadline_ms=deadline_ms, controller_timeout_ms=0), session=9)
    stop = threading.Event()

    def feed(event: Event) -> list[Expose]:
        nonlocal state
        done = step(state, event, time.monotonic_ns())
        state = done.station
        return [effect for effect in done.effects if isinstance(effect, Expose)]

    def loop() -> None:
        feed(Verified("m", "r"))
        feed(Enabled(on=True))
        while not stop.wait(0.001):
            trigger.show(view_of(state, time.monotonic_ns()))
            for command in trigger.commands():
                for expose in feed(command):
                    if decision is not None:
                        at_ns = time.monotonic_ns()
                        feed(Exposed(expose.seq, "main", at_ns))
                        reasons = () if decision is Decision.PASS else (Reason("scratch", "a scratch"),)
                        feed(Inspected(expose.seq, "main", at_ns, "m", "r", Finding(decision, reasons)))
            feed(Enabled(on=True))  # time passes

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        end_s = time.monotonic() + 3
        while trigger._view is None or not trigger._view.ready:
            assert time.monotonic() < end_s
            time.sleep(0.001)
        yield
    finally:
        stop.set()
        thread.join(5)
        trigger.close()


@pytest.mark.parametrize("decision", [Decision.PASS, Decision.FAIL, Decision.REVIEW])
def test_on_the_state_machine(decision):
    trigger = SoftwareTrigger(Numbering())
    with station(trigger, decision):
        for number in range(1, 6):
            result = trigger.fire(f"p{number}").wait(3)
            assert (result.session, result.seq, result.part_id) == (9, number, f"p{number}")
            assert result.outcome.decision is decision
        assert not trigger._view.result_overrun


def test_on_the_state_machine_without_a_verdict():
    trigger = SoftwareTrigger(Numbering())
    with station(trigger, None, deadline_ms=30):
        result = trigger.fire("p1", deadline_ms=20).wait(3)
        assert result.outcome is Outcome.ERROR
        assert result.reasons[0].rule == "deadline"
