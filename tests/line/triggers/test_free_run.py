"""Free running: one part at a time, on the grid of the rate, never a burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Outcome, PartResult, State, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.line.triggers.free_run import FreeRun, FreeRunSettings, next_due_ns

READY = StationView(7, State.READY, ready=True)
BUSY = StationView(7, State.SINGLE_EXECUTION, acquiring=True)
MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.ns = 5 * MS

    def __call__(self) -> int:
        return self.ns


@pytest.mark.parametrize(
    ("due", "now", "period", "following"),
    [
        (100, 100, 0, 100),
        (100, 130, 0, 130),
        (100, 100, 50, 150),
        (100, 130, 50, 150),
        (100, 150, 50, 200),
        (100, 349, 50, 350),
    ],
)
def test_due_times(due, now, period, following):
    assert next_due_ns(due, now, period) == following


@given(due=st.integers(0, 10**15), late=st.integers(0, 10**12), period=st.integers(1, 10**10))
def test_the_next_one_is_on_the_grid_and_at_most_a_period_away(due, late, period):
    following = next_due_ns(due, due + late, period)
    assert (following - due) % period == 0
    assert due + late < following <= due + late + period


def test_a_trigger_each_time_the_station_can_take_one():
    woken = []
    run = FreeRun(FreeRunSettings(), Numbering(), wake=lambda: woken.append(1))
    assert run.commands() == ()
    run.show(READY)
    assert woken == [1]
    assert run.commands() == [Triggered(1)]
    assert run.commands() == (), "not again before the station was shown"
    run.show(BUSY)
    assert run.commands() == ()
    run.show(READY)
    assert run.commands() == [Triggered(2)]


def test_at_a_rate():
    clock = Clock()
    run = FreeRun(FreeRunSettings(rate_hz=100), Numbering(), clock_ns=clock)
    found = []
    for _ in range(100):
        run.show(READY)
        found += [(clock.ns // MS, command.seq) for command in run.commands()]
        clock.ns += MS
    assert found == [(5 + 10 * number, number + 1) for number in range(10)]
    assert run.skipped == 0


def test_times_that_were_missed_are_counted_and_not_made_up_for():
    clock = Clock()
    run = FreeRun(FreeRunSettings(rate_hz=100), Numbering(), clock_ns=clock)
    run.show(READY)
    assert run.commands() == [Triggered(1)]
    run.show(BUSY)
    assert run.due_ns is None
    clock.ns += 35 * MS
    run.show(READY)
    assert run.commands() == [Triggered(2)]
    run.show(READY)
    assert run.commands() == ()
    assert (run.skipped, run.due_ns) == (2, 45 * MS)


@pytest.mark.parametrize("acknowledge", [True, False])
def test_the_last_result_is_taken_back_before_the_next_part(acknowledge):
    run = FreeRun(FreeRunSettings(), Numbering(), acknowledge=acknowledge)
    run.show(StationView(7, State.READY, PartResult(7, 4, "", Outcome.PASS), ready=True))
    assert run.commands() == ([Acknowledged(4), Triggered(1)] if acknowledge else [Triggered(1)])


def test_closed_is_down():
    run = FreeRun(FreeRunSettings(), Numbering())
    run.close()
    for call in (run.commands, lambda: run.show(READY)):
        with pytest.raises(SignalError, match="it was closed"):
            call()
