"""Two-parameter logistic regression, logit p = β₀ + β₁x, by Newton's method (McCullagh & Nelder 1989, §4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, xlogy

from lineproof.errors import GateError

F64 = NDArray[np.float64]

_STEPS, _HALVINGS = 60, 30
_ENOUGH = 1e-10  # Newton decrement before the last step; its error is about the square of it, in standard errors


class SeparationError(GateError):
    """Hits and misses do not overlap, so that no curve is the likeliest one; parts between `low` and `high` are needed."""

    def __init__(self, message: str, *, low: float, high: float, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.low = low
        self.high = high


@dataclass(frozen=True, slots=True, eq=False)
class HitMiss:
    """How often was found what had the value `x`: one row for each defect, or grouped by size.

    Raises:
        ValueError: columns of different lengths, values that are not finite, hits outside 0..trials.
    """

    x: F64  # (n,)
    hits: F64  # (n,) whole numbers; a boolean column is taken as 0 and 1
    trials: F64  # (n,) whole numbers from 1 on

    def __post_init__(self) -> None:
        """Convert, freeze and check the columns."""
        for name in ("x", "hits", "trials"):
            column = np.array(getattr(self, name), np.float64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        shapes = {self.x.shape, self.hits.shape, self.trials.shape}
        if len(shapes) != 1 or self.x.ndim != 1:
            raise ValueError(f"x, hits, trials: expected three columns (n,) of one length, got {sorted(shapes)}")
        if not np.isfinite(self.x).all():
            raise ValueError(f"x: expected finite numbers, row {int(np.argmin(np.isfinite(self.x)))} is not")
        whole = (self.hits % 1 == 0) & (self.trials % 1 == 0)
        wrong = ~(whole & (self.trials >= 1) & (self.hits >= 0) & (self.hits <= self.trials))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"row {row}: {self.hits[row]:g} hits of {self.trials[row]:g}: expected whole 0..trials")

    @classmethod
    def single(cls, x: ArrayLike, hit: ArrayLike) -> HitMiss:
        """One row for each defect: its value and whether it was found."""
        column = np.asarray(hit, np.float64)
        return cls(np.asarray(x, np.float64), column, np.ones_like(column))

    @property
    def hit_x(self) -> F64:
        """Values `(k,)` at which something was found."""
        return self.x[self.hits > 0]

    @property
    def miss_x(self) -> F64:
        """Values `(k,)` at which something was missed."""
        return self.x[self.hits < self.trials]


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """The likeliest curve and how well it is known."""

    intercept: float
    slope: float
    covariance: F64  # (2, 2) of intercept and slope, from the expected information
    log_likelihood: float  # Σ y ln p + (n − y) ln(1 − p), without the binomial coefficients
    deviance: float  # against one probability for each row

    @property
    def standard_errors(self) -> tuple[float, float]:
        """Of intercept and slope."""
        first, second = np.sqrt(np.diag(self.covariance))
        return float(first), float(second)

    def x_at(self, probability: float) -> float:
        """The value at which the curve has this probability."""
        return (logit(probability) - self.intercept) / self.slope

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        errors = self.standard_errors
        return {
            "intercept": round(self.intercept, 6),
            "slope": round(self.slope, 6),
            "standard_errors": [round(error, 6) for error in errors],
            "covariance": round(float(self.covariance[0, 1]), 6),
            "deviance": round(self.deviance, 4),
        }


class Solved(NamedTuple):
    """Solutions of several studies `(s,)`."""

    intercept: F64
    slope: F64
    converged: NDArray[np.bool_]


def logit(probability: float) -> float:
    """ln(p / (1 − p))."""
    return float(np.log(probability) - np.log1p(-probability))


def log_likelihood(data: HitMiss, intercept: float, slope: float) -> float:
    """Σ y ln p + (n − y) ln(1 − p)."""
    eta = intercept + slope * data.x
    return float(_likelihood(eta, data.hits, data.trials))


def fit_logistic(data: HitMiss) -> LogisticFit:
    """The maximum of the likelihood.

    Raises:
        SeparationError: hits and misses do not overlap (Albert & Anderson 1984), or so little that the maximum is out
            of reach.
    """
    check_separation(data)
    solved = solve_logistic(data.x[None], data.hits[None], data.trials[None])
    intercept, slope = float(solved.intercept[0]), float(solved.slope[0])
    if not solved.converged[0]:
        raise _separated("hits and misses hardly overlap", float(data.hit_x.min()), float(data.miss_x.max()))
    likelihood = log_likelihood(data, intercept, slope)
    return LogisticFit(
        intercept=intercept,
        slope=slope,
        covariance=covariance(data, intercept, slope),
        log_likelihood=likelihood,
        deviance=2 * (_saturated(data) - likelihood),
    )


def covariance(data: HitMiss, intercept: float, slope: float) -> F64:
    """Inverse of the expected information `(2, 2)` at a point; inverted about the weighted mean, where it is diagonal."""
    weight = data.trials * _variance(intercept + slope * data.x)
    centre = np.average(data.x, weights=weight)
    of_slope = 1 / np.sum(weight * (data.x - centre) ** 2)
    shared = -centre * of_slope
    return np.array([[1 / weight.sum() - centre * shared, shared], [shared, of_slope]])


def check_separation(data: HitMiss) -> None:
    """Raise SeparationError, with the sizes that are needed, unless hits and misses overlap by more than one point."""
    if data.x.size == 0:
        raise ValueError("no rows: there is nothing to fit a curve to")
    hit, miss = data.hit_x, data.miss_x
    count = int(data.trials.sum())
    low, high = float(data.x.min()), float(data.x.max())
    if miss.size == 0:
        raise _separated(f"all {count} were found, from {low:.4g} up", 0.0, low, "smaller defects")
    if hit.size == 0:
        raise _separated(f"all {count} were missed, up to {high:.4g}", high, np.inf, "larger defects")
    if low == high:
        raise _separated(f"all {count} have one size, {low:.4g}", low, high, "defects of other sizes")
    if miss.max() <= hit.min():
        raise _separated("every miss is smaller than every hit", float(miss.max()), float(hit.min()))
    if hit.max() <= miss.min():
        raise _separated("every miss is larger than every hit", float(hit.max()), float(miss.min()))


def _separated(what: str, low: float, high: float, wanted: str = "") -> SeparationError:
    between = f"defects around {low:.4g}" if low == high else f"defects between {low:.4g} and {high:.4g}"
    return SeparationError(
        f"no curve can be fitted: {what}",
        low=low,
        high=high,
        hint=f"collect {wanted or between}, so that hits and misses mix",
    )


def solve_logistic(x: F64, hits: F64, trials: F64) -> Solved:
    """Solve several studies `(s, n)` at once; none may be separated.

    Each is centred and scaled first and starts from slope 0; a step that lowers the likelihood is halved.
    """
    centre = x.mean(axis=1, keepdims=True)
    scale = x.std(axis=1, keepdims=True)
    z = (x - centre) / scale
    share = (hits.sum(axis=1) + 0.5) / (trials.sum(axis=1) + 1)
    beta = np.stack([np.log(share / (1 - share)), np.zeros(len(x))])  # (2, s)
    best = _likelihood(beta[0, :, None] + beta[1, :, None] * z, hits, trials)
    left = np.full(len(x), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_STEPS):
            step, left = _newton_step(beta[0, :, None] + beta[1, :, None] * z, z, hits, trials)
            step = np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0)
            for _ in range(_HALVINGS):
                tried = beta + step
                likelihood = _likelihood(tried[0, :, None] + tried[1, :, None] * z, hits, trials)
                worse = likelihood < best - 1e-9 * np.abs(best)
                if not worse.any():
                    break
                step = np.where(worse, step / 2, step)
            beta, best = tried, likelihood
            if not (left > _ENOUGH).any():
                break
    slope = beta[1] / scale[:, 0]
    return Solved(beta[0] - slope * centre[:, 0], slope, left <= _ENOUGH)


def _newton_step(eta: F64, z: F64, hits: F64, trials: F64) -> tuple[F64, F64]:
    """Step `(2, s)` and Newton decrement `(s,)`: how far the maximum is, in squared standard errors."""
    residual = hits - trials * expit(eta)
    weight = trials * _variance(eta)
    u0, u1 = residual.sum(axis=1), (residual * z).sum(axis=1)
    i00, i01, i11 = weight.sum(axis=1), (weight * z).sum(axis=1), (weight * z * z).sum(axis=1)
    determinant = i00 * i11 - i01**2
    step = np.stack([i11 * u0 - i01 * u1, i00 * u1 - i01 * u0]) / determinant
    return step, step[0] * u0 + step[1] * u1


def _variance(eta: F64) -> F64:
    """Variance p (1 − p), exact in both tails."""
    return np.asarray(expit(eta) * expit(-eta), np.float64)


def _likelihood(eta: F64, hits: F64, trials: F64) -> F64:
    """Sum over the last axis."""
    return np.asarray(-np.sum(hits * np.logaddexp(0, -eta) + (trials - hits) * np.logaddexp(0, eta), axis=-1))


def _saturated(data: HitMiss) -> float:
    """Log-likelihood with one probability for each row."""
    missed = data.trials - data.hits
    return float(np.sum(xlogy(data.hits, data.hits / data.trials) + xlogy(missed, missed / data.trials)))
