"""Rounds of a comparison: their lengths, who goes on, and what they take."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt.ladder.halving import Pace, better_half, full_s, minutes_each, pace_of, plan_rounds


def test_three_rounds_begin_with_a_quarter():
    assert [round_.share for round_ in plan_rounds(3, 10)] == [0.25, 0.5, 1]


@given(rounds=st.integers(1, 8), halvings=st.integers(0, 20))
def test_every_round_doubles_and_the_last_is_whole(rounds: int, halvings: int):
    planned = plan_rounds(rounds, halvings)
    assert len(planned) == min(rounds, halvings + 1)
    assert planned[-1].share == 1
    assert [round_.last for round_ in planned] == [False] * (len(planned) - 1) + [True]
    for one, other in pairwise(planned):
        assert other.share == 2 * one.share


@pytest.mark.parametrize(("order", "kept"), [("abcd", "ab"), ("abc", "ab"), ("ab", "a"), ("a", "a")])
def test_the_better_half_includes_the_middle(order: str, kept: str):
    assert "".join(better_half(order)) == kept


def test_a_pace_is_that_of_the_whole_schedule():
    assert pace_of([(30, 25, 0.25), (55, 50, 0.5)]) == Pace(whole_s=100, rest_s=5)


def test_training_all_in_full_is_counted_with_export_and_seeds():
    assert full_s([Pace(100, 5), Pace(200, 5)], seeds=2) == 2 * (105 + 205)


@given(
    minutes=st.floats(1, 1000), rounds=st.integers(1, 5), count=st.integers(2, 20), seeds=st.integers(1, 4),
    workers=st.integers(1, 8),
)  # fmt: skip
def test_learning_time_fits_into_the_minutes(minutes: float, rounds: int, count: int, seeds: int, workers: int):
    planned = plan_rounds(rounds, 10)
    each = minutes_each(minutes, planned, count, seeds, workers)
    learning, alive = 0.0, [str(i) for i in range(count)]
    for round_ in planned:
        if len(alive) > 1 or round_.last:
            learning += each * round_.share * len(alive) * (seeds if round_.last else 1)
        alive = better_half(alive)
    assert learning == pytest.approx(0.75 * minutes * workers)
