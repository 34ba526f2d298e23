from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.special import expit

from lineproof.proof.pod.firth import fit_firth, penalised_log_likelihood
from lineproof.proof.pod.logistic import HitMiss, fit_logistic
from proof.pod_data import BLISS, SIXTY, SYNTHETIC

SEPARATED = HitMiss.single(np.arange(1, 11), np.arange(1, 11) > 5)


def by_hand(theta, data):
    """Minus l + ½ ln|I|, written out with matrices."""
    design = np.stack([np.ones_like(data.x), data.x], axis=1)
    p = expit(design @ theta)
    information = design.T @ (design * (data.trials * p * (1 - p))[:, None])
    eta = design @ theta
    likelihood = -np.sum(data.hits * np.logaddexp(0, -eta) + (data.trials - data.hits) * np.logaddexp(0, eta))
    return -(likelihood + 0.5 * np.linalg.slogdet(information)[1])


@pytest.mark.parametrize("data", [SEPARATED, SYNTHETIC, SIXTY, HitMiss.single([1, 2, 3, 4, 9], [0, 0, 0, 0, 0])])
def test_brute_force_finds_the_same_maximum(data):
    options = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 5000, "maxfev": 5000}
    found = minimize(by_hand, [0.0, 0.1], args=(data,), method="Nelder-Mead", options=options)
    fit = fit_firth(data)
    assert (fit.intercept, fit.slope) == pytest.approx(tuple(found.x), rel=1e-5, abs=1e-6)
    assert fit.penalised_log_likelihood == pytest.approx(-found.fun, abs=1e-9)


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_two_sizes_have_half_a_part_added_to_each_cell(small, large, draw):
    """Firth 1993, §3: in a saturated model the penalty adds ½ to every count (Haldane 1955)."""
    a, b = draw.draw(st.integers(0, small)), draw.draw(st.integers(0, large))
    fit = fit_firth(HitMiss([0, 1], [a, b], [small, large]))
    low, high = np.log((a + 0.5) / (small - a + 0.5)), np.log((b + 0.5) / (large - b + 0.5))
    assert (fit.intercept, fit.slope) == pytest.approx((low, high - low), abs=1e-7)


@pytest.mark.parametrize("data", [SEPARATED, SIXTY])
def test_the_interval_is_where_the_profile_has_dropped(data):
    """Profile by brute force over the intercept; 1.920729 is half of χ²₁ at 95 %."""
    fit = fit_firth(data)

    def drop(slope):
        middle = -slope * data.x.mean()
        found = minimize(lambda b: by_hand(np.array([b[0], slope]), data), [middle], method="Nelder-Mead", tol=1e-10)
        return found.fun + fit.penalised_log_likelihood - 1.920729

    low, high = fit.slope_interval()
    assert low == pytest.approx(brentq(drop, 0.05 * fit.slope, fit.slope), rel=1e-4)
    assert high == pytest.approx(brentq(drop, fit.slope, 9 * fit.slope), rel=1e-4)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=3, max_size=25))
def test_every_data_set_with_two_sizes_has_a_finite_answer(rows):
    x, hit = zip(*rows, strict=True)
    data = HitMiss.single(x, hit)
    if len(set(x)) == 1:
        with pytest.raises(ValueError, match="two different values"):
            fit_firth(data)
        return
    fit = fit_firth(data)
    low, high = fit.slope_interval()
    assert low < fit.slope < high
    around = [
        penalised_log_likelihood(data, fit.intercept + i, fit.slope + j) for i in (-0.01, 0.01) for j in (-0.01, 0.01)
    ]
    assert max(around) <= fit.penalised_log_likelihood


def test_the_penalty_pulls_towards_no_slope_and_fades():
    few, many = fit_firth(SYNTHETIC), fit_firth(HitMiss(SYNTHETIC.x, SYNTHETIC.hits * 1000, SYNTHETIC.trials * 1000))
    likeliest = fit_logistic(SYNTHETIC).slope
    assert few.slope < many.slope < likeliest
    assert many.slope == pytest.approx(likeliest, rel=1e-4)


def test_bounds_of_sizes():
    fit = fit_firth(BLISS)
    assert fit.x_at(0.9) < fit.upper_bound(0.9) < 1.86
    assert fit_firth(SEPARATED).upper_bound(0.9) > 6
    assert fit_firth(HitMiss.single([1, 2, 3, 4], [1, 1, 0, 0])).upper_bound(0.9) is None  # falling
    assert fit_firth(HitMiss.single([1, 2, 3, 4], [0, 1, 0, 1])).upper_bound(0.9) is None  # hardly rising
    assert fit_firth(SEPARATED).as_dict() == {"intercept": pytest.approx(-5.338573), "slope": pytest.approx(0.97065)}
