"""Logistic regression with Firth's penalty, which has a finite answer where hits and misses are separated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, gammaincinv

from lineproof.proof.intervals import Interval
from lineproof.proof.pod.bounds import profile_bound
from lineproof.proof.pod.logistic import HitMiss, covariance, log_likelihood, logit

F64 = NDArray[np.float64]

_ENOUGH = 1e-7  # of what is left of the slope of the likelihood, for each trial and standard deviation of x
_TINY = 1e-300  # keeps the logarithm finite far from the maximum


@dataclass(frozen=True, slots=True, eq=False)
class FirthFit:
    """The curve with the largest penalised likelihood, l(β) + ½ ln|I(β)| (Firth 1993)."""

    data: HitMiss
    intercept: float
    slope: float
    penalised_log_likelihood: float

    def x_at(self, probability: float) -> float:
        """The value at which the curve has this probability."""
        return (logit(probability) - self.intercept) / self.slope

    def upper_bound(self, probability: float, confidence: float = 0.95) -> float | None:
        """One-sided bound of `x_at` by profile penalised likelihood; None where it is infinite. For information."""
        if self.slope <= 0:
            return None
        drop = float(gammaincinv(0.5, 2 * confidence - 1))
        return profile_bound(self._likelihood, (self.intercept, self.slope), probability, drop)

    def slope_interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval of the slope by profile penalised likelihood (Heinze & Schemper 2002)."""
        level = self.penalised_log_likelihood - float(gammaincinv(0.5, confidence))
        return Interval(self._end(-1, level), self._end(1, level))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"intercept": round(self.intercept, 6), "slope": round(self.slope, 6)}

    def _likelihood(self, intercept: float, slope: float) -> float:
        return penalised_log_likelihood(self.data, intercept, slope)

    def _end(self, side: int, level: float) -> float:
        """One end of the interval, bracketed outwards from the estimate."""
        step = side * float(np.sqrt(covariance(self.data, self.intercept, self.slope)[1, 1]))
        while self._profile(self.slope + step) >= level:
            step *= 2
        return float(brentq(lambda slope: self._profile(slope) - level, self.slope, self.slope + step, rtol=1e-12))

    def _profile(self, slope: float) -> float:
        """The largest penalised likelihood of curves with this slope, named by their height at the mean of x."""
        middle = float(np.average(self.data.x, weights=self.data.trials))
        height = self.intercept + self.slope * middle
        found = minimize_scalar(
            lambda h: -self._likelihood(h - slope * middle, slope), bracket=(height - 0.1, height + 0.1)
        )
        return -float(found.fun)


def penalised_log_likelihood(data: HitMiss, intercept: float, slope: float) -> float:
    """l(β) + ½ ln|I(β)|; Jeffreys' prior as a penalty."""
    eta = intercept + slope * data.x
    log_weight = np.log(data.trials) - np.logaddexp(0, eta) - np.logaddexp(0, -eta)
    largest = log_weight.max()
    weight = np.exp(log_weight - largest)  # none underflows that counts
    centre = np.average(data.x, weights=weight)
    determinant = weight.sum() * np.sum(weight * (data.x - centre) ** 2)
    penalty = largest + 0.5 * np.log(max(determinant, _TINY))
    return log_likelihood(data, intercept, slope) + float(penalty)


def fit_firth(data: HitMiss) -> FirthFit:
    """The maximum of the penalised likelihood, finite for separated data too.

    Raises:
        ValueError: all rows have one x, so that there is no slope.
        RuntimeError: the maximum was not reached.
    """
    mean = np.average(data.x, weights=data.trials)
    scale = np.sqrt(np.average((data.x - mean) ** 2, weights=data.trials))
    if scale == 0:
        raise ValueError(f"x: expected at least two different values, got {data.x[0]:g} alone")
    scaled = HitMiss((data.x - mean) / scale, data.hits, data.trials)
    beta = _maximum(scaled)
    slope = float(beta[1] / scale)
    intercept = float(beta[0] - slope * mean)
    return FirthFit(data, intercept, slope, penalised_log_likelihood(data, intercept, slope))


def _maximum(data: HitMiss) -> F64:
    count = data.trials.sum()

    def misfit(beta: F64) -> tuple[float, F64]:
        return -penalised_log_likelihood(data, *beta) / count, -_score(data, beta) / count

    found = minimize(misfit, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-10})
    if np.abs(found.jac).max() > _ENOUGH:
        raise RuntimeError(f"Firth's fit did not converge: {found.message}")
    return np.asarray(found.x, np.float64)


def _score(data: HitMiss, beta: F64) -> F64:
    """Modified score U* = Σ (y − nπ + h(½ − π)) (1, x), with the leverages h; its zero is the maximum."""
    design = np.stack([np.ones_like(data.x), data.x])  # (2, n)
    p, q = expit(beta @ design), expit(-beta @ design)
    leverage = data.trials * p * q * np.einsum("in,ij,jn->n", design, covariance(data, *beta), design)
    return np.asarray(design @ (data.hits - data.trials * p + leverage * (q - p) / 2), np.float64)
