"""Rounds of a comparison: their lengths, who goes on, and what they take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt.ladder.halving import (
    Pace,
    better_half,
    epochs_in,
    fit_epochs,
    full_s,
    plan_rounds,
    time_share,
)


def test_three_rounds_begin_with_a_quarter():
    assert [round_.epochs(60) for round_ in plan_rounds(60, 3)] == [15, 30, 60]


@given(epochs=st.integers(1, 2000), rounds=st.integers(1, 8))
def test_every_round_doubles_and_the_last_is_whole(epochs: int, rounds: int):
    planned = plan_rounds(epochs, rounds)
    assert 1 <= len(planned) <= rounds
    assert planned[-1].share == 1
    assert planned[-1].epochs(epochs) == epochs
    assert [round_.last for round_ in planned] == [False] * (len(planned) - 1) + [True]
    for one, other in zip(planned, planned[1:], strict=False):
        assert other.share == 2 * one.share
        assert 1 <= one.epochs(epochs) <= other.epochs(epochs)


def test_a_schedule_of_one_epoch_has_no_shorter_one():
    assert len(plan_rounds(1, 3)) == 1
    assert [round_.epochs(2) for round_ in plan_rounds(2, 3)] == [1, 2]


@pytest.mark.parametrize(("order", "kept"), [("abcd", "ab"), ("abc", "ab"), ("ab", "a"), ("a", "a")])
def test_the_better_half_includes_the_middle(order: str, kept: str):
    assert "".join(better_half(order)) == kept


def test_training_all_in_full_is_counted_with_export_and_seeds():
    paces = {"a": Pace(10, 5), "b": Pace(20, 5)}
    assert full_s(paces, {"a": 4, "b": 4}, seeds=2) == 2 * (45 + 85)


@given(
    wanted=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 300), min_size=1),
    left_s=st.floats(0, 1e5),
    epoch_s=st.floats(0.1, 100),
)
def test_schedules_cut_to_fit_do_fit(wanted: dict[str, int], left_s: float, epoch_s: float):
    paces = {key: Pace(epoch_s, 3.0) for key in wanted}
    fitted = fit_epochs(wanted, paces, 2, left_s)
    assert all(0 <= fitted[key] <= wanted[key] for key in wanted)
    takes_s = sum(2 * paces[key].takes_s(epochs) for key, epochs in fitted.items())
    assert takes_s <= left_s + 1e-6 or not any(fitted.values())


def test_enough_time_cuts_nothing():
    assert fit_epochs({"a": 60}, {"a": Pace(1, 1)}, 1, 61) == {"a": 60}


def test_equal_time_gives_the_quicker_one_more_epochs():
    assert epochs_in(100, Pace(2, 10), 60) == 45
    assert epochs_in(100, Pace(10, 10), 60) == 9
    assert epochs_in(1000, Pace(10, 10), 60) == 60
    assert epochs_in(5, Pace(10, 10), 60) == 0


def test_time_is_shared_by_what_rounds_need():
    rounds = plan_rounds(16, 3)
    assert time_share(rounds, 8, 1) == pytest.approx(1 / 3)
    assert time_share(rounds[1:], 4, 3) == pytest.approx(2 / (2 + 6))
    assert time_share(rounds[2:], 2, 3) == 1
