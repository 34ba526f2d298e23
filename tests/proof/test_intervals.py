"""Known answers: `clopper_pearson` and the one-sided bounds against published and computed tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from lineproof.proof.intervals import (
    clopper_pearson,
    lower_bound,
    lower_bounds,
    rule_of_three,
    upper_bound,
    upper_bounds,
    wilson,
)

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high", "digits"),
    [
        (682, 925, 0.7076683, 0.7654066, 7),  # R binom.test manual, after Conover
        (2, 1000, 0.000242, 0.007206, 6),  # computed with scipy and statsmodels
        (0, 300, 0.0, 0.012221, 6),
        (42, 50, 0.7089, 0.9283, 4),  # AIAG MSA, 4th edition, prints 71/93 %
        (45, 50, 0.7819, 0.9667, 4),  # 78/97 %
        (40, 50, 0.6628, 0.8997, 4),  # 66/90 %
        (39, 50, 0.6404, 0.8847, 4),  # 64/89 %
    ],
)
def test_two_sided_known_answers(hits, trials, low, high, digits):
    assert clopper_pearson(hits, trials) == pytest.approx((low, high), abs=0.51 * 10**-digits)


@pytest.mark.parametrize(
    ("hits", "trials", "bound", "digits"),
    [
        (0, 300, 0.00993608, 8),
        (2, 1000, 0.006282, 6),
        (12, 2000, 0.0097, 4),  # overkill: proves "< 1 %"
        (5, 1000, 0.0105, 4),  # overkill: fails it
    ],
)
def test_one_sided_upper_known_answers(hits, trials, bound, digits):
    assert upper_bound(hits, trials) == pytest.approx(bound, abs=0.51 * 10**-digits)


@pytest.mark.parametrize(
    ("hits", "trials", "bound", "digits"),
    [
        (3, 15, 0.05684687, 8),  # SciPy's manual, binomtest(3, 15, 0.1, alternative="greater")
        (29, 29, 0.9019, 4),  # 90/95 demonstrations of NDE, NASA/TP-2011-217176
        (45, 46, 0.9010, 4),
        (59, 61, 0.9004, 4),
    ],
)
def test_one_sided_lower_known_answers(hits, trials, bound, digits):
    assert lower_bound(hits, trials) == pytest.approx(bound, abs=0.51 * 10**-digits)


def test_wilson_is_the_published_one_and_starts_above_nothing():
    assert wilson(2, 1000) == pytest.approx((0.000549, 0.007263), abs=0.51e-6)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 300).low == 0
    assert wilson(300, 300).high == 1


def test_three_over_n_is_the_rule_of_thumb_and_never_claims_more_than_the_exact_bound():
    assert rule_of_three(300) == 0.01  # Hanley & Lippman-Hand, JAMA 1983
    assert rule_of_three(0) == rule_of_three(2) == 1
    trials = np.arange(1, 5000)
    assert (np.array([rule_of_three(int(n)) for n in trials]) >= upper_bounds(0, trials)).all()


def test_no_hit_is_the_success_run():
    trials = np.arange(1, 5000)
    np.testing.assert_allclose(upper_bounds(0, trials, 0.95), 1 - 0.05 ** (1 / trials), rtol=1e-9)


@given(counts, st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]))
def test_two_independent_libraries_agree(case, confidence):
    hits, trials = case
    want = proportion_confint(hits, trials, alpha=1 - confidence, method="beta")
    assert clopper_pearson(hits, trials, confidence) == pytest.approx(np.nan_to_num(want, nan=0), abs=1e-9)
    one_sided = binomtest(hits, trials, alternative="less").proportion_ci(confidence)
    assert upper_bound(hits, trials, confidence) == pytest.approx(one_sided.high, abs=1e-9)
    score = proportion_confint(hits, trials, alpha=1 - confidence, method="wilson")
    assert wilson(hits, trials, confidence) == pytest.approx(score, abs=1e-9)


@given(counts, st.floats(0.5, 0.999))
def test_bounds_hold_the_rate_and_move_the_right_way(case, confidence):
    hits, trials = case
    low, high = lower_bound(hits, trials, confidence), upper_bound(hits, trials, confidence)
    assert 0 <= low <= hits / trials <= high <= 1
    assert upper_bound(hits, trials + 1, confidence) <= high + 1e-12
    assert upper_bound(hits + 1, trials + 1, confidence) >= high - 1e-12
    assert upper_bound(hits, trials, (1 + confidence) / 2) >= high
    assert lower_bound(trials - hits, trials, confidence) == pytest.approx(1 - high, abs=1e-9)


@pytest.mark.parametrize("trials", [1, 2, 10, 59, 300])
def test_the_promise_is_kept_at_every_rate(trials):
    """Coverage summed exactly where it is lowest: just beside a bound, since between two bounds it has no dip."""
    hits = np.arange(trials + 1)
    one_sided = np.zeros(trials + 1), upper_bounds(hits, trials)
    two_sided = lower_bounds(hits, trials, 0.975), upper_bounds(hits, trials, 0.975)
    for low, high in (one_sided, two_sided):
        ends = np.concatenate([low, high])
        rates = np.clip(np.concatenate([ends * (1 + 1e-9), ends * (1 - 1e-9)]), 0, 1)[:, None]
        chance = np.where((low <= rates) & (rates <= high), binom.pmf(hits, trials, rates), 0).sum(axis=1)
        assert chance.min() >= 0.95 - 1e-6


def test_many_counts_at_once_are_the_same_as_one_by_one():
    hits, trials = np.array([0, 1, 7, 20]), np.array([20, 20, 20, 20])
    assert upper_bounds(hits, trials).tolist() == [upper_bound(int(x), 20) for x in hits]
    assert lower_bounds(hits, 20, 0.9).tolist() == [lower_bound(int(x), 20, 0.9) for x in hits]
    assert upper_bounds(np.zeros((2, 3)), 10).shape == (2, 3)


@pytest.mark.parametrize("bound", [clopper_pearson, upper_bound, lower_bound, wilson])
def test_bad_input_is_refused(bound):
    with pytest.raises(ValueError, match=r"hits: expected 0\.\.5, got 6"):
        bound(6, 5)
    with pytest.raises(ValueError, match=r"hits: expected 0\.\.5, got -1"):
        bound(-1, 5)
    with pytest.raises(ValueError, match=r"got nan"):
        bound(float("nan"), 5)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        bound(1.5, 5)
    for confidence in (0, 1, 95, float("nan")):
        with pytest.raises(ValueError, match="confidence: expected a value between 0 and 1"):
            bound(1, 5, confidence)


def test_a_rule_of_less_than_nothing():
    with pytest.raises(ValueError, match="trials: expected 0 or more, got -1"):
        rule_of_three(-1)
