"""Progress, stages and learning rates of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt import schedule as schedule_module
from lineproof.adapt.average import share_of_the_past
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.schedule import Schedule
from lineproof.adapt.stages import Stage

TWO = (Stage(name="heads", train=("heads",), share=0.25), Stage(name="all", share=0.75))


def walk(schedule: Schedule) -> list[tuple[str, float]]:
    rows = []
    while not schedule.finished:
        if schedule.stage_is_over():
            schedule.next_stage()
        rows.append((schedule.stage.name, schedule.rate()))
        schedule.steps += 1
    return rows


def test_each_stage_rises_and_falls():
    rows = walk(Schedule(Recipe(warmup_steps=5, lrf=0.01, stages=TWO), 100))
    assert [name for name, _ in rows] == ["heads"] * 25 + ["all"] * 75
    for rates in ([r for n, r in rows if n == "heads"], [r for n, r in rows if n == "all"]):
        top = rates.index(max(rates))
        assert rates[0] < 0.25
        assert 3 <= top <= 5
        assert rates[:top] == sorted(rates[:top])
        assert rates[top:] == sorted(rates[top:], reverse=True)
        assert rates[-1] < 0.05


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
    st.integers(1, 400),
    st.integers(0, 60),
    st.sampled_from(["cosine", "linear"]),
)
def test_whatever_the_stages_a_run_has_its_length_and_rates_stay_in_range(
    weights: list[int], steps: int, warmup: int, shape: str
):
    stages = tuple(Stage(name=str(i), share=w / sum(weights)) for i, w in enumerate(weights))
    schedule = Schedule(Recipe(stages=stages, warmup_steps=warmup, schedule=shape), steps)
    rows = walk(schedule)
    assert len(rows) == steps
    assert all(0 < rate <= 1 for _, rate in rows)
    order = [int(name) for name, _ in rows]
    assert order == sorted(order)


def test_a_stage_given_up_shortens_the_run():
    schedule = Schedule(Recipe(stages=TWO), 100)
    schedule.steps = 10
    schedule.give_up_stage()
    assert schedule.stage_is_over()
    schedule.next_stage()
    assert schedule.stage.name == "all"
    assert len(walk(schedule)) == 75


def test_minutes_are_the_length_and_a_resumed_run_has_used_some(monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(schedule_module.time, "monotonic", lambda: now[0])
    schedule = Schedule(Recipe(minutes=1.0, warmup_steps=0, lrf=0.0), 0)
    now[0] += 15
    assert schedule.progress == pytest.approx(0.25)
    state = schedule.as_dict()
    now[0] += 500  # the machine was off
    later = Schedule(Recipe(minutes=1.0, warmup_steps=0, lrf=0.0), 0)
    later.take_over(state)
    now[0] += 15
    assert later.progress == pytest.approx(0.5)
    assert later.rate() == pytest.approx(0.5)
    now[0] += 30
    assert later.finished


def test_the_average_spans_a_tenth_of_the_steps():
    assert share_of_the_past(0) == 0.0
    assert share_of_the_past(1000) == pytest.approx(1 - 1 / 101)
    assert share_of_the_past(10**9) == pytest.approx(1 - 1 / 10_001)
