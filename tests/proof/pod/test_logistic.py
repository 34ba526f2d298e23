from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lineproof.proof.pod.logistic import HitMiss, SeparationError, check_separation, fit_logistic, solve_logistic
from proof.pod_data import BLISS, CHALLENGER, SIXTY, SYNTHETIC


def on_log(data: HitMiss) -> HitMiss:
    return HitMiss(np.log(data.x), data.hits, data.trials)


@pytest.mark.parametrize(
    ("data", "intercept", "slope", "errors", "deviance"),
    [
        (BLISS, -60.7175, 34.2703, (5.1807, 2.9121), 11.2322),  # published in Dobson and in Agresti
        (CHALLENGER, 15.0429, -0.232163, (7.3786, 0.108237), 20.3152),  # Dalal et al. 1989
        (SYNTHETIC, -3.2339, 7.5311, (0.3924, 0.8758), 8.8184),  # statsmodels
        (on_log(SYNTHETIC), 3.17097, 3.36082, (0.35387, 0.36360), 2.4012),  # statsmodels
        (on_log(SIXTY), 5.68645, 4.82207, None, None),  # statsmodels
    ],
)
def test_known_fits(data, intercept, slope, errors, deviance):
    fit = fit_logistic(data)
    assert fit.intercept == pytest.approx(intercept, rel=5e-6, abs=5e-5)
    assert fit.slope == pytest.approx(slope, rel=5e-6, abs=5e-7)
    if errors:
        assert fit.standard_errors == pytest.approx(errors, abs=6e-5)
        assert fit.deviance == pytest.approx(deviance, abs=5e-5)


def test_covariance_and_median_of_the_beetles():
    fit = fit_logistic(BLISS)
    assert fit.covariance[0, 1] == pytest.approx(-15.0822, abs=1e-4)
    assert fit.covariance[0, 1] == fit.covariance[1, 0]
    assert fit.x_at(0.5) == pytest.approx(1.77172, abs=5e-6)
    assert fit.as_dict()["deviance"] == 11.2322


def test_median_of_the_o_rings():
    assert fit_logistic(CHALLENGER).x_at(0.5) == pytest.approx(64.795, abs=5e-4)


GROUPS = st.lists(
    st.tuples(st.floats(-5, 5), st.integers(1, 30), st.floats(0, 1)), min_size=3, max_size=20, unique_by=lambda g: g[0]
)


def overlapping(data: HitMiss) -> bool:
    try:
        check_separation(data)
    except SeparationError:
        return False
    return True


@settings(max_examples=60)
@given(GROUPS)
def test_statsmodels_agrees(groups):
    x, trials, share = (np.array(column) for column in zip(*groups, strict=True))
    data = HitMiss(np.round(x, 2), np.round(trials * share), trials)
    assume(overlapping(data))
    fit = fit_logistic(data)
    assume(abs(fit.slope) < 30)  # statsmodels stops early on the steepest curves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = np.stack([data.hits, data.trials - data.hits], axis=1)
        oracle = sm.GLM(table, sm.add_constant(data.x, has_constant="add"), sm.families.Binomial()).fit(
            maxiter=200, tol=1e-12
        )
    assert (fit.intercept, fit.slope) == pytest.approx(tuple(oracle.params), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(fit.covariance, oracle.cov_params(), rtol=1e-4, atol=1e-8)
    assert fit.deviance == pytest.approx(oracle.deviance, rel=1e-6, abs=1e-6)


def test_grouped_and_single_rows_give_the_same_curve():
    rows = SYNTHETIC.trials.astype(int)
    hit = np.concatenate([np.arange(n) < h for n, h in zip(rows, SYNTHETIC.hits, strict=True)])
    single, grouped = fit_logistic(HitMiss.single(np.repeat(SYNTHETIC.x, rows), hit)), fit_logistic(SYNTHETIC)
    assert (single.intercept, single.slope) == pytest.approx((grouped.intercept, grouped.slope), rel=1e-9)
    assert single.log_likelihood == pytest.approx(grouped.log_likelihood)
    assert single.deviance == pytest.approx(-2 * single.log_likelihood)


@settings(max_examples=40)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_units_and_origin_do_not_matter(unit, origin):
    here, there = (
        fit_logistic(SYNTHETIC),
        fit_logistic(HitMiss(SYNTHETIC.x * unit + origin, SYNTHETIC.hits, SYNTHETIC.trials)),
    )
    assert there.slope * unit == pytest.approx(here.slope, rel=1e-6)
    assert there.x_at(0.9) == pytest.approx(here.x_at(0.9) * unit + origin, rel=1e-6, abs=1e-6)
    assert there.deviance == pytest.approx(here.deviance, rel=1e-6)


def test_many_studies_at_once_are_as_one_by_one():
    rng = np.random.default_rng(3)
    x = np.tile(np.linspace(-2, 2, 50), (20, 1))
    hits = (rng.random(x.shape) < 1 / (1 + np.exp(-x))).astype(float)
    together = solve_logistic(x, hits, np.ones_like(x))
    assert together.converged.all()
    for row in range(20):
        alone = fit_logistic(HitMiss.single(x[row], hits[row]))
        assert (together.intercept[row], together.slope[row]) == pytest.approx((alone.intercept, alone.slope), rel=1e-6)


@pytest.mark.parametrize(
    ("x", "hit", "message", "low", "high"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], "every miss is smaller .*collect defects between 2 and 3", 2, 3),  # complete
        ([1, 2, 2, 3], [0, 0, 1, 1], "every miss is smaller .*collect defects around 2", 2, 2),  # quasi-complete
        ([1, 2, 3, 4], [1, 1, 0, 0], "every miss is larger .*collect defects between 2 and 3", 2, 3),
        ([1, 2, 3, 3], [1, 1, 1, 0], "every miss is larger .*around 3", 3, 3),
        ([3, 4, 5], [1, 1, 1], "all 3 were found, from 3 up .*collect smaller", 0, 3),
        ([3, 4, 5], [0, 0, 0], "all 3 were missed, up to 5 .*collect larger", 5, np.inf),
        ([2, 2, 2], [0, 1, 1], "all 3 have one size, 2", 2, 2),
    ],
)
def test_separated_data_are_refused_with_the_sizes_needed(x, hit, message, low, high):
    with pytest.raises(SeparationError, match=message) as caught:
        fit_logistic(HitMiss.single(x, hit))
    assert (caught.value.low, caught.value.high) == (low, high)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=2, max_size=30))
def test_a_fit_or_a_clear_refusal_never_a_runaway(rows):
    x, hit = zip(*rows, strict=True)
    data = HitMiss.single(x, hit)
    if overlapping(data):
        fit = fit_logistic(data)
        assert np.isfinite([fit.intercept, fit.slope, *fit.standard_errors]).all()
        p = 1 / (1 + np.exp(-(fit.intercept + fit.slope * data.x)))
        assert np.sum(data.hits - p) == pytest.approx(0, abs=1e-5)  # the score equations
        assert np.sum((data.hits - p) * data.x) == pytest.approx(0, abs=1e-4)


def test_one_pair_in_the_wrong_order_is_enough_for_a_curve():
    x = np.concatenate([np.linspace(0, 1, 50), np.linspace(1, 2, 50)[1:]])
    hit = x > 1
    hit[49], hit[50] = True, False
    assert fit_logistic(HitMiss.single(x, hit)).slope > 20


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 2], [1], [1, 1]), "three columns"),
        (([[1, 2]], [[1, 0]], [[1, 1]]), "three columns"),
        (([1, np.nan], [1, 0], [1, 1]), "row 1 is not"),
        (([1, 2], [1, 3], [2, 2]), "row 1: 3 hits of 2"),
        (([1, 2], [0.5, 1], [1, 1]), "row 0: 0.5 hits of 1"),
        (([1, 2], [0, 0], [1, 0]), "row 1: 0 hits of 0"),
    ],
)
def test_bad_columns_are_named(columns, message):
    with pytest.raises(ValueError, match=message):
        HitMiss(*columns)


def test_no_rows_cannot_be_fitted():
    with pytest.raises(ValueError, match="no rows"):
        fit_logistic(HitMiss.single([], []))
