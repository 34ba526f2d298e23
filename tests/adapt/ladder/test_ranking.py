"""Who is better, and when parts and seeds cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.ladder.scripted_trials import SPLIT_HASH, done, figures, parts, plan
from lineproof.adapt.ladder.cost import Costs, at_shift, drawn_costs, one_part
from lineproof.adapt.ladder.ranking import Criterion, Score, Standing, difference, rank, standard_error, standing
from lineproof.adapt.ladder.resample import draw_groups

NOISE = np.random.default_rng(0).normal(0, 0.05, 400)


def of(*values: float, noise: np.ndarray = NOISE, key: str = "k") -> Standing:
    """A candidate with one value a seed."""
    return standing(key, [Score(value, value + noise) for value in values])


def test_the_best_comes_first():
    table = {"a": of(0.4), "b": of(0.6), "c": of(0.5)}
    assert rank(table, low_is_good=False) == ["b", "c", "a"]
    assert rank(table, low_is_good=True) == ["a", "c", "b"]


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_equal_ones_stay_in_the_order_given(values: list[float]):
    table = {str(i): of(value) for i, value in enumerate(values)}
    order = rank(table, low_is_good=False)
    assert sorted(order) == sorted(table)
    keys = [(-table[key].mean, int(key)) for key in order]
    assert keys == sorted(keys)


def test_errors_common_to_both_cancel():
    assert difference(of(0.52), of(0.50)).told  # the same parts are hard for both
    assert difference(of(0.52), of(0.50)).error == pytest.approx(0, abs=1e-12)
    other = np.random.default_rng(9).normal(0, 0.05, 400)
    apart = difference(of(0.52), of(0.50, noise=other))
    assert not apart.told
    assert apart.error == pytest.approx(0.07, abs=0.01)


def test_one_part_decides_nothing():
    costs = Costs(100, 2, 0.05)
    few = [parts(2.0, 2.0, good, bad=[True, True, False]) for good in (-2.0, 2.0)]
    many = [parts(*[2.0] * 40, *[good] * 40) for good in (-2.0, 2.0)]
    for pair, told in ((few, False), (many, True)):
        one, other = (
            standing("k", [Score(at_shift(p, costs, 0.0).cost, drawn_costs(p, costs, 0.0, "s"), one_part(p, costs))])
            for p in pair
        )
        assert difference(one, other).mean == pytest.approx(-1.9)
        assert difference(one, other).told == told


def test_seeds_that_disagree_make_a_tie():
    assert not difference(of(0.60, 0.40), of(0.45, 0.53)).told
    assert difference(of(0.60, 0.61), of(0.45, 0.46)).told
    assert difference(of(0.60, 0.61), of(0.45, 0.46)).mean == pytest.approx(0.15)


def test_nothing_differs_from_itself():
    assert not difference(of(0.5, 0.6), of(0.5, 0.6)).told


def test_the_standard_error_is_that_of_the_mean():
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)
    assert standard_error([2.0]) is None
    assert of(0.5).seed_error is None


def test_the_interval_holds_the_mean_of_draws_around_it():
    low, high = of(0.5).interval
    assert low < 0.5 < high
    assert high - low == pytest.approx(4 * 0.05, rel=0.2)


def test_test_figures_use_the_operating_point_of_validation():
    spec = plan("a").spec(plan_out(), "a-yolov8n-64", 0, 0.25, last=True)
    result = done(spec, 0.9)
    criterion = Criterion(Costs(10, 10, 0.5), SPLIT_HASH)
    val, test = criterion.score(result), criterion.score(result, "test")
    assert val is not None
    assert test is not None
    assert (val.value, test.value) == (pytest.approx(1.0), pytest.approx(2.0))  # 2 and 4 of 20 wrong, either way


def plan_out():
    from pathlib import Path

    return Path("/nowhere")


def test_map_ranks_by_what_was_measured_and_costs_by_the_parts():
    spec = plan("a").spec(plan_out(), "a-yolov8n-64", 0, 0.25, last=False)
    result = done(spec, 0.8)
    by_map = Criterion(None, SPLIT_HASH)
    score = by_map.score(result)
    assert score is not None
    assert score.value == 0.8
    assert by_map.score(result, "test") is None
    without = result.model_copy(update={"val": figures(0.8).model_copy(update={"map50_95": None})})
    assert by_map.score(without) is None
    assert Criterion(Costs(1, 1, 0.5), SPLIT_HASH).score(without) is not None


@given(groups=st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=30), seed=st.text(max_size=5))
def test_groups_are_drawn_whole_and_alike(groups: list[str], seed: str):
    counts, group_of = draw_groups(groups, 20, seed)
    names = sorted(set(groups))
    assert counts.shape == (20, len(names))
    assert (counts.sum(axis=1) == len(names)).all()
    assert [names[i] for i in group_of] == groups
    np.testing.assert_array_equal(counts, draw_groups(groups, 20, seed)[0])
