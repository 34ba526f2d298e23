"""Rounds of a comparison: their lengths, who goes on, and what they take."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import candidate
from lineproof.adapt.ladder.candidate import shortened, thirdings
from lineproof.adapt.ladder.halving import (
    FINALISTS,
    Pace,
    Round,
    better_half,
    full_s,
    minutes_each,
    pace_of,
    plan_rounds,
    trials_of,
    whole_schedules,
)
from lineproof.adapt.recipe import with_changes

COUNTS = {"asked": st.integers(1, 8), "candidates": st.integers(1, 60), "seeds": st.integers(1, 5)}


def test_three_rounds_begin_with_a_ninth():
    rounds = plan_rounds(3, thirdings=9, candidates=6, seeds=1)
    assert [round_.share for round_ in rounds] == pytest.approx([1 / 9, 1 / 3, 1])
    assert [count for _, count in trials_of(rounds, 6, 1)] == [6, 3, 2]
    assert whole_schedules(rounds, 6, 1) == pytest.approx(6 / 9 + 3 / 3 + 2)


@pytest.mark.parametrize(
    ("candidates", "seeds", "rounds", "cost"),
    [
        (2, 1, 1, 2),  # nobody to drop before the last round
        (2, 3, 1, 6),
        (3, 1, 1, 3),  # 3/3 + 2: as much as everyone in full
        (3, 2, 2, 5),  # 3/3 + 2·2
        (4, 1, 2, 4 / 3 + 2),
        (5, 1, 3, 5 / 9 + 3 / 3 + 2),
        (6, 1, 3, 6 / 9 + 3 / 3 + 2),
        (8, 1, 3, 8 / 9 + 4 / 3 + 2),
        (12, 1, 3, 12 / 9 + 6 / 3 + 3),
        (12, 2, 3, 12 / 9 + 6 / 3 + 3 * 2),
    ],
)
def test_what_it_costs(candidates: int, seeds: int, rounds: int, cost: float):
    planned = plan_rounds(3, thirdings=9, candidates=candidates, seeds=seeds)
    assert len(planned) == rounds
    assert whole_schedules(planned, candidates, seeds) == pytest.approx(cost)


@given(thirdings_=st.integers(0, 12), **COUNTS)
def test_every_round_triples_drops_somebody_and_the_last_is_whole(
    asked: int, thirdings_: int, candidates: int, seeds: int
):
    planned = plan_rounds(asked, thirdings=thirdings_, candidates=candidates, seeds=seeds)
    assert len(planned) <= min(asked, thirdings_ + 1)
    assert planned[-1].share == 1
    assert [round_.last for round_ in planned] == [False] * (len(planned) - 1) + [True]
    for one, other in pairwise(planned):
        assert other.share == pytest.approx(3 * one.share)
    alive = [count // (seeds if round_.last else 1) for round_, count in trials_of(planned, candidates, seeds)]
    assert alive[0] == candidates
    assert all(one > other >= FINALISTS for one, other in pairwise(alive))


@given(steps=st.integers(1, 3000), validations=st.integers(1, 40), epochs=st.none() | st.integers(1, 200), **COUNTS)
def test_halving_never_learns_more_steps_than_everyone_in_full(
    steps: int, validations: int, epochs: int | None, asked: int, candidates: int, seeds: int
):
    recipe = with_changes(candidate("full").recipe, steps=steps, epochs=epochs)
    recipe = recipe.model_copy(update={"validations": validations})
    planned = plan_rounds(asked, thirdings=thirdings(recipe), candidates=candidates, seeds=seeds)
    short = [(shortened(recipe, round_.share, 0), count) for round_, count in trials_of(planned, candidates, seeds)]
    assert sum(count * (one.epochs or one.steps) for one, count in short) <= candidates * seeds * (epochs or steps)


@given(thirdings_=st.integers(0, 12), **COUNTS)
def test_short_trials_are_fewer_than_three_for_each_whole_one_saved(
    asked: int, thirdings_: int, candidates: int, seeds: int
):
    planned = plan_rounds(asked, thirdings=thirdings_, candidates=candidates, seeds=seeds)
    *short, (_, whole) = trials_of(planned, candidates, seeds)
    saved = candidates * seeds - whole
    assert sum(count for _, count in short) <= 3 * saved
    assert bool(short) == (saved > 0)


@pytest.mark.parametrize(("order", "kept"), [("abcde", "abc"), ("abcd", "ab"), ("abc", "ab"), ("ab", "ab"), ("a", "a")])
def test_the_better_half_includes_the_middle_and_leaves_two(order: str, kept: str):
    assert "".join(better_half(order)) == kept


def test_a_pace_is_that_of_the_whole_schedule():
    assert pace_of([(30, 25, 0.25), (55, 50, 0.5)]) == Pace(whole_s=100, rest_s=None)
    assert pace_of([(14, 12, 1 / 9), (130, 108, 1)]) == Pace(whole_s=pytest.approx(108), rest_s=22)


def test_training_all_in_full_is_counted_with_export_and_seeds():
    assert full_s([Pace(100, 5), Pace(200, 5)], seeds=2) == 2 * (105 + 205)


def test_who_was_never_sealed_would_have_taken_as_long_to_seal_as_the_others():
    assert full_s([Pace(100, 4), Pace(200, 8), Pace(300, None)], seeds=1) == 104 + 208 + 306
    assert full_s([Pace(100, None)], seeds=2) == 200


@given(minutes=st.floats(1, 1000), workers=st.integers(1, 8), **COUNTS)
def test_learning_time_fits_into_the_minutes(minutes: float, workers: int, asked: int, candidates: int, seeds: int):
    planned = plan_rounds(asked, thirdings=9, candidates=candidates, seeds=seeds)
    each = minutes_each(minutes, planned, candidates, seeds, workers)
    learning, alive = 0.0, [str(i) for i in range(candidates)]
    for round_ in planned:
        learning += each * round_.share * len(alive) * (seeds if round_.last else 1)
        alive = better_half(alive)
    assert learning == pytest.approx(0.75 * minutes * workers)


def test_one_round_is_the_whole_schedule():
    assert plan_rounds(1, thirdings=9, candidates=9, seeds=1) == (Round(1, 1, 1.0),)
    assert plan_rounds(8, thirdings=0, candidates=9, seeds=1) == (Round(1, 1, 1.0),)
