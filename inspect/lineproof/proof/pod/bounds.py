"""From what size on defects are surely found: upper bounds of x_p, where logit p = β₀ + β₁x crosses a probability.

Three bounds are in use. Only the pointwise Wald band kept its promise of 95 % in simulated studies of 40 to 300 defects
(tests/benchmarks/coverage_pod.py), so it alone decides; the others are shown because readers will ask for them.
None means that the bound is infinite: no size, however large, is demonstrated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaincinv, ndtri

from lineproof.proof.pod.logistic import HitMiss, LogisticFit, log_likelihood, logit

F64 = NDArray[np.float64]

_DOUBLINGS = 60  # of the way from the estimate outwards until the bound is bracketed


def linear_band(fit: LogisticFit, x: F64, confidence: float = 0.95) -> tuple[F64, F64]:
    """Lower and upper one-sided bounds `(n,)` of the linear predictor: β₀ + β₁x ± z √(V₀₀ + 2xV₀₁ + x²V₁₁)."""
    (v00, v01), (_, v11) = fit.covariance
    half = ndtri(confidence) * np.sqrt(np.maximum(v00 + 2 * x * v01 + x**2 * v11, 0))
    middle = fit.intercept + fit.slope * x
    return middle - half, middle + half


def wald_bound(fit: LogisticFit, probability: float, confidence: float = 0.95) -> float | None:
    """Where the lower band crosses the probability for good (MIL-HDBK-1823A, appendix G; Cheng & Iles 1983).

    The crossing solves a quadratic. Where the slope is not surely positive, the band falls again for large sizes or never
    gets there: no bound.
    """
    z = ndtri(confidence)
    (v00, v01), (_, v11) = fit.covariance
    above = fit.intercept - logit(probability)
    a, b, c = fit.slope**2 - z**2 * v11, above * fit.slope - z**2 * v01, above**2 - z**2 * v00
    if fit.slope <= 0 or a <= 0:
        return None
    return float((-b + np.sqrt(max(b**2 - a * c, 0.0))) / a)


def delta_bound(fit: LogisticFit, probability: float, confidence: float = 0.95) -> float:
    """x_p + z·se by the delta method. Too small for what it promises: for information, never for a decision."""
    x = fit.x_at(probability)
    (v00, v01), (_, v11) = fit.covariance
    error = np.sqrt(v00 + 2 * x * v01 + x**2 * v11) / abs(fit.slope)
    return float(x + ndtri(confidence) * error)


def likelihood_ratio_bound(
    data: HitMiss, fit: LogisticFit, probability: float, confidence: float = 0.95
) -> float | None:
    """Where the profile likelihood has dropped by χ²₁/2 (1.3528 at a one-sided 95 %). For information."""
    return profile_bound(
        lambda intercept, slope: log_likelihood(data, intercept, slope),
        (fit.intercept, fit.slope),
        probability,
        float(gammaincinv(0.5, 2 * confidence - 1)),
    )


def profile_bound(
    likelihood: Callable[[float, float], float], best: tuple[float, float], probability: float, drop: float
) -> float | None:
    """Upper end of x_p where the likelihood of (intercept, slope), the other parameter left free, falls by `drop`.

    Args:
        likelihood: a log-likelihood with one maximum, penalised or not.
        best: where that maximum is; the slope is positive.
        probability: p of x_p.
        drop: how far below the maximum.
    """
    target, slope = logit(probability), best[1]
    estimate = (target - best[0]) / slope
    level = likelihood(*best) - drop
    if _largest(lambda height: likelihood(height, 0.0), target) >= level:
        return None  # a curve without slope is likely enough: x_p may be anywhere
    below = estimate - 2 / slope  # curves that pass through (x, target) are named by their height here

    def excess(x: float) -> float:
        def turned(height: float) -> float:
            rise = (target - height) / (x - below)
            return likelihood(target - rise * x, rise)

        return _largest(turned, target - 2) - level

    step = 0.5 / slope
    for _ in range(_DOUBLINGS):
        if excess(estimate + step) < 0:
            return float(brentq(excess, estimate, estimate + step, rtol=1e-12))
        step *= 2
    return None


def _largest(likelihood: Callable[[float], float], near: float) -> float:
    """The maximum over one parameter of the order of 1."""
    return -float(minimize_scalar(lambda value: -likelihood(value), bracket=(near - 0.5, near)).fun)
