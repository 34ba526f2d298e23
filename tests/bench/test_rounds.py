"""The statistics of interleaved rounds, on numbers known by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.bench.rounds import percentile, ratio, spread, turns, unrest


def test_every_round_gives_everybody_one_turn_in_changing_order() -> None:
    order = turns(5, 40, seed=3)
    assert all(sorted(each) == [0, 1, 2, 3, 4] for each in order)
    assert len({tuple(each) for each in order}) > 20
    assert order == turns(5, 40, seed=3) != turns(5, 40, seed=4)


def test_spread_is_over_all_calls_of_all_rounds() -> None:
    found = spread([[3.0, 1.0], [2.0, 10.0]])
    assert (found.calls, found.min_ms, found.median_ms, found.p99_ms) == (4, 1.0, 2.5, 10.0)


def test_p99_is_a_time_that_was_measured() -> None:
    ordered = [float(n) for n in range(1, 201)]
    assert percentile(ordered, 0.99) == 198.0
    assert percentile(ordered, 1.0) == 200.0
    assert percentile([4.0], 0.99) == 4.0


def test_a_slow_spell_of_the_machine_cancels_out() -> None:
    """Half the rounds run three times slower for all: overall medians would say anything, the ratio still says 0.9."""
    floor = [[10.0, 10.0, 11.0]] * 5 + [[30.0, 30.0, 33.0]] * 4
    ours = [[9.0, 9.0, 50.0]] * 5 + [[27.0, 27.0, 20.0]] * 4
    found = ratio(ours, floor)
    assert found.median == pytest.approx(0.9)
    assert found.low == pytest.approx(0.9)
    assert found.high == pytest.approx(0.9)


def test_ratio_shows_how_far_rounds_disagree() -> None:
    found = ratio([[1.0], [2.0], [3.0], [4.0], [5.0]], [[1.0]] * 5)
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


def test_rounds_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratio([[1.0]], [[1.0], [2.0]])


def test_cpu_time_the_floor_did_not_get_went_to_others() -> None:
    assert unrest([[10.0, 10.0]] * 3, [20.0] * 3, threads=2) == 0
    assert unrest([[10.0, 30.0]] * 3, [20.0] * 3, threads=2) == pytest.approx(0.5)
    assert unrest([[10.0]] * 3, [10.4] * 3, threads=1) == 0  # clocks differ by a hair


times = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=6)


@given(st.lists(st.tuples(times, times), min_size=1, max_size=12), st.floats(0.1, 10))
def test_the_ratio_scales_with_the_contender_and_is_one_against_itself(
    rounds: list[tuple[list[float], list[float]]], factor: float
) -> None:
    ours, floor = [a for a, _ in rounds], [b for _, b in rounds]
    once, scaled = ratio(ours, floor), ratio([[factor * ms for ms in turn] for turn in ours], floor)
    assert scaled.median == pytest.approx(factor * once.median)
    assert once.low <= once.median * (1 + 1e-9)
    assert once.median <= once.high * (1 + 1e-9)
    assert ratio(ours, ours).median == 1.0
