from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2

from lineproof.proof.pod.ceiling import fit_ceiling
from lineproof.proof.pod.logistic import HitMiss, fit_logistic, log_likelihood
from proof.pod_data import BLISS, SYNTHETIC


def drawn(ceiling: float, count: int, seed: int) -> HitMiss:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, count)
    return HitMiss.single(x, rng.random(count) < ceiling * expit(2 * (x - 4)))


def test_a_curve_that_levels_off_is_noticed():
    data = drawn(0.8, 1000, seed=1)
    ceiling = fit_ceiling(data, fit_logistic(data))
    assert ceiling.value == pytest.approx(0.8, abs=0.04)
    assert ceiling.p_value < 1e-6


def test_brute_force_finds_the_same_ceiling():
    data = drawn(0.9, 300, seed=2)

    def misfit(theta):
        p = expit(theta[2]) * expit(theta[0] + theta[1] * data.x)
        return -np.sum(data.hits * np.log(p) + (1 - data.hits) * np.log1p(-p))

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 5000, "maxfev": 5000}
    best = minimize(misfit, [-6, 1.5, 2], method="Nelder-Mead", options=options)
    fit = fit_logistic(data)
    ceiling = fit_ceiling(data, fit)
    assert ceiling.value == pytest.approx(expit(best.x[2]), abs=1e-4)
    assert ceiling.ratio == pytest.approx(2 * (-best.fun - log_likelihood(data, fit.intercept, fit.slope)), abs=1e-4)
    assert ceiling.p_value == pytest.approx(chi2.sf(ceiling.ratio, 1) / 2)


@pytest.mark.parametrize("data", [SYNTHETIC, HitMiss(BLISS.x - 1.6, BLISS.hits, BLISS.trials)])
def test_a_curve_that_reaches_one_is_left_in_peace(data):
    ceiling = fit_ceiling(data, fit_logistic(data))
    assert ceiling.value > 0.98
    assert ceiling.p_value > 0.05


def test_false_alarms_are_as_rare_as_promised():
    """The one-sided test at 5 % warns in about 5 % of studies without a ceiling."""
    warned = 0
    for seed in range(60):
        data = drawn(1.0, 150, seed)
        warned += fit_ceiling(data, fit_logistic(data)).p_value < 0.05
    assert warned <= 7


def test_where_all_large_ones_are_a_coin_toss():
    """A step to a plateau of one half: the search must not stick at its start."""
    x = np.repeat(np.arange(1.0, 41.0), 4)
    hit = (x > 20) & (np.arange(160) % 2 == 0)
    data = HitMiss.single(x, hit)
    ceiling = fit_ceiling(data, fit_logistic(data))
    assert ceiling.value == pytest.approx(0.5, abs=0.01)
    assert set(ceiling.as_dict()) == {"pod_max", "likelihood_ratio", "p_value"}
