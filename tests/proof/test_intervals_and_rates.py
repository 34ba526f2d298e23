from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core import Decision
from lineproof.proof.intervals import clopper_pearson, upper_bound
from lineproof.proof.rates import Outcome, line_rates


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (682, 925, 0.7076683, 0.7654066),  # R binom.test manual, after Conover
        (2, 1000, 0.000242, 0.007206),
        (0, 300, 0.0, 0.012221),
        (42, 50, 0.7089, 0.9283),  # AIAG MSA, 4th edition
        (45, 50, 0.7819, 0.9667),
    ],
)
def test_clopper_pearson_matches_published_tables(hits, trials, low, high):
    assert clopper_pearson(hits, trials) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(("hits", "trials", "bound"), [(0, 300, 0.00993608), (2, 1000, 0.006282), (12, 2000, 0.0097)])
def test_one_sided_bounds(hits, trials, bound):
    assert upper_bound(hits, trials) == pytest.approx(bound, abs=5e-5)


def test_nothing_seen_says_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert upper_bound(0, 0) == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(hits, trials):
    with pytest.raises(ValueError, match="expected 0"):
        clopper_pearson(hits, trials)
    with pytest.raises(ValueError, match="expected 0"):
        upper_bound(hits, trials)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate(case):
    hits, trials = case
    low, high = clopper_pearson(hits, trials)
    assert low <= hits / trials <= high
    assert high <= upper_bound(hits, trials, 0.975) + 1e-12


def test_review_and_fault_are_rejections():
    outcomes = [Outcome(bad, decision) for bad in (True, False) for decision in Decision]
    rates = line_rates(outcomes)
    assert (rates.escape.count, rates.escape.of) == (1, 4)
    assert (rates.overkill.count, rates.overkill.of) == (3, 4)
    assert (rates.review.count, rates.review.of) == (2, 8)


def test_a_rate_of_nothing_says_so_and_stays_json():
    rates = line_rates([Outcome(bad=True, decision=Decision.FAIL)])
    assert "cannot be measured" in str(rates.overkill)
    assert rates.overkill.as_dict()["rate"] is None
    assert str(rates.escape).startswith("0/1 = 0.0% (95 %: 0.0% – 97.5%)")
