from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import (
    Acknowledged,
    Alive,
    Enabled,
    Halted,
    Outcome,
    PartResult,
    RecipeAsked,
    ResetAsked,
    State,
    StationView,
    Triggered,
)
from lineproof.signals.opcua.desk import VIEWS, Answer, Desk, came_of
from lineproof.signals.opcua.view import Quality

READY = StationView(7, State.READY, ready=True)
UNDER_WAY = StationView(7, State.SINGLE_EXECUTION, triggered=True, part_id="p")


def result(seq: int, outcome: Outcome = Outcome.PASS) -> PartResult:
    return PartResult(7, seq, "p", outcome)


def desk_of(view: StationView | None = READY, commands: int = 4, answer_s: float = 5.0) -> Desk:
    desk = Desk(commands=commands, answer_s=answer_s, ring=lambda: None)
    if view is not None:
        desk.put(view)
        desk.news()
    return desk


async def asked(desk: Desk, method: str, *inputs: object) -> asyncio.Task[Answer]:
    task = asyncio.create_task(desk.called(method, inputs))
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("method", "inputs", "commands"),
    [
        ("StartSingleJob", ("m", "p", 3), [Triggered(1, "p", 3)]),
        ("SelectModeAutomatic", (), [Enabled(on=True)]),
        ("Stop", (), [Enabled(on=False)]),
        ("Halt", (), [Halted(on=True)]),
        ("Reset", (), [Halted(on=False), ResetAsked()]),
        ("PrepareRecipe", (5,), [RecipeAsked(5)]),
        ("Acknowledge", ("00000007-9",), [Acknowledged(9)]),
    ],
)
def test_every_method_is_a_command_and_good_only_after_it_was_taken(method, inputs, commands):
    async def story() -> None:
        desk = desk_of(replace(READY, result=result(9)) if method == "Acknowledge" else READY)
        call = await asked(desk, method, *inputs)
        assert not call.done()
        assert desk.take() == commands
        assert desk.take() == []
        desk.put(UNDER_WAY)
        desk.news()
        answer = await call
        assert answer == Answer(Quality.GOOD, (1,) if method == "StartSingleJob" else ())

    asyncio.run(story())


@pytest.mark.parametrize(
    ("view", "method", "inputs", "status"),
    [
        (None, "StartSingleJob", ("m", "p", 0), Quality.BAD_NO_COMMUNICATION),
        (replace(READY, ready=False), "StartSingleJob", ("m", "p", 0), Quality.BAD_INVALID_STATE),
        (READY, "StartSingleJob", ("m", "p", 65_536), Quality.BAD_OUT_OF_RANGE),
        (READY, "PrepareRecipe", (0,), Quality.BAD_OUT_OF_RANGE),
        (READY, "PrepareRecipe", (65_536,), Quality.BAD_OUT_OF_RANGE),
        (None, "Acknowledge", ("00000007-9",), Quality.BAD_NOT_FOUND),
        (READY, "Acknowledge", ("00000007-9",), Quality.BAD_NOT_FOUND),
        (replace(READY, result=result(8)), "Acknowledge", ("00000007-9",), Quality.BAD_NOT_FOUND),
        (replace(READY, result=result(9)), "Acknowledge", ("9",), Quality.BAD_NOT_FOUND),
    ],
)
def test_what_is_refused_at_once_never_reaches_the_loop(view, method, inputs, status):
    async def story() -> None:
        desk = desk_of(view)
        assert await desk.called(method, inputs) == Answer(status)
        assert desk.take() == []

    asyncio.run(story())


JOB = Triggered(4, "p")


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (READY, None),
        (UNDER_WAY, Quality.GOOD),
        (replace(UNDER_WAY, part_id="another"), None),
        (replace(UNDER_WAY, result=result(3)), None),  # the one before, not acknowledged yet
        (replace(READY, result=result(3)), None),
        (replace(READY, result=result(4)), Quality.GOOD),
        (replace(READY, result=result(4, Outcome.ERROR)), Quality.GOOD),  # taken, and answered
        (replace(READY, result=result(4, Outcome.MISSED)), Quality.BAD_INVALID_STATE),
        (replace(READY, missed_trigger=True), Quality.BAD_INVALID_STATE),
    ],
)
def test_what_a_view_tells_of_a_job(view, status):
    assert came_of(JOB, view, missed_before=False) is status


def test_a_latch_that_was_set_before_tells_nothing():
    assert came_of(JOB, replace(READY, missed_trigger=True), missed_before=True) is None


def test_a_station_may_name_a_part_that_came_without_a_name():
    assert came_of(Triggered(4), replace(UNDER_WAY, part_id="part-17"), missed_before=False) is Quality.GOOD


def test_a_view_from_before_the_trigger_was_taken_is_no_proof():
    async def story() -> None:
        desk = desk_of(answer_s=0.05)
        call = await asked(desk, "StartSingleJob", "m", "p", 0)
        desk.put(UNDER_WAY)  # of another trigger, for the same part
        assert desk.take() == [Triggered(1, "p")]
        desk.news()
        assert await call == Answer(Quality.BAD_TIMEOUT)

    asyncio.run(story())


def test_a_trigger_that_nobody_takes_is_withdrawn():
    async def story() -> None:
        desk = desk_of(answer_s=0.01)
        assert await desk.called("StartSingleJob", ("m", "p", 0)) == Answer(Quality.BAD_TIMEOUT)
        assert desk.take() == []
        call = await asked(desk, "StartSingleJob", "m", "p", 0)  # the next one may try
        assert desk.take() == [Triggered(1, "p")]  # and no number is missing
        await call

    asyncio.run(story())


def test_a_trigger_whose_caller_is_gone_is_withdrawn():
    async def story() -> None:
        desk = desk_of()
        call = await asked(desk, "StartSingleJob", "m", "p", 0)
        call.cancel()
        await asyncio.wait([call])
        assert desk.take() == []

    asyncio.run(story())


def test_one_job_is_started_at_a_time():
    async def story() -> None:
        desk = desk_of()
        first = await asked(desk, "StartSingleJob", "m", "p", 0)
        assert await desk.called("StartSingleJob", ("m", "q", 0)) == Answer(Quality.BAD_INVALID_STATE)
        desk.take()
        desk.put(UNDER_WAY)
        desk.news()
        assert await first == Answer(Quality.GOOD, (1,))

    asyncio.run(story())


def test_a_full_queue_refuses_and_counts_and_loses_nothing():
    async def story() -> None:
        desk = desk_of(commands=3)
        calls = [await asked(desk, "Stop") for _ in range(3)]
        refused = [await desk.called("Stop", ()) for _ in range(5)]
        assert set(refused) == {Answer(Quality.BAD_TOO_MANY_OPERATIONS)}
        assert desk.refused == 5
        assert desk.take() == [Enabled(on=False)] * 3
        desk.news()
        assert {await call for call in calls} == {Answer(Quality.GOOD)}

    asyncio.run(story())


def test_the_heartbeat_of_the_controller_has_room_in_a_full_queue_and_is_one_command():
    async def story() -> None:
        desk = desk_of(commands=1, answer_s=0.01)
        await asked(desk, "Stop")
        for _ in range(1000):
            desk.heard()
        assert desk.take() == [Alive(), Enabled(on=False)]
        assert desk.take() == []

    asyncio.run(story())


def test_who_waits_at_the_end_is_told():
    async def story() -> None:
        desk = desk_of()
        waiting = await asked(desk, "StartSingleJob", "m", "p", 0)
        taken = await asked(desk, "Stop")
        desk.take()
        desk.shut()
        assert await waiting == await taken == Answer(Quality.BAD_SHUTDOWN)
        assert await desk.called("Stop", ()) == Answer(Quality.BAD_SHUTDOWN)

    asyncio.run(story())


def test_a_thread_that_takes_no_views_is_noticed():
    desk = desk_of(None)
    assert all(desk.put(READY) for _ in range(VIEWS))
    assert not desk.put(READY)
    assert len(desk.news()) == VIEWS
    assert desk.put(READY)


@given(st.lists(st.none() | st.integers(1, 2**32 - 1), max_size=20))
def test_job_numbers_go_on_after_those_of_others_and_are_never_0(seen):
    async def story() -> None:
        desk = desk_of()
        last = 0
        for seq in seen:
            if seq is not None:
                desk.put(replace(READY, result=result(seq)))
                desk.news()
                if (seq - last) % 2**32 < 2**31:
                    last = seq
            call = await asked(desk, "StartSingleJob", "m", "p", 0)
            (command,) = desk.take()
            last = last + 1 if last < 2**32 - 1 else 1
            assert command == Triggered(last, "p")
            desk.put(UNDER_WAY)
            desk.news()
            await call
            desk.put(READY)
            desk.news()

    asyncio.run(story())
