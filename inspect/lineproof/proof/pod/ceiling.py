"""Whether the probability of detection levels off below 1, because large defects are missed too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaincc

from lineproof.proof.pod.logistic import HitMiss, LogisticFit

F64 = NDArray[np.float64]

# Where the search starts: a ceiling of 98, 88 and 62 %. The likelihood may have more than one maximum.
_STARTS = (4.0, 2.0, 0.5)
_STEEPEST = 5.0  # logarithm of the slope for a standard deviation of x: a step, for any real data
_TINY = 1e-300  # keeps logarithms finite


@dataclass(frozen=True, slots=True)
class Ceiling:
    """POD_max · logistic(β₀ + β₁x) beside the curve that reaches 1."""

    value: float  # POD_max, the likeliest
    ratio: float  # twice the gain in log-likelihood
    p_value: float  # of a gain as large, were the ceiling 1

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "pod_max": round(self.value, 4),
            "likelihood_ratio": round(self.ratio, 4),
            "p_value": round(self.p_value, 5),
        }


def fit_ceiling(data: HitMiss, fit: LogisticFit) -> Ceiling:
    """The likeliest upper asymptote of a rising curve, and the likelihood-ratio test against 1.

    1 is the edge of what the asymptote can be, so half the weight of the null distribution is at 0 (Self & Liang 1987).
    """
    centre, scale = data.x.mean(), data.x.std()
    z = (data.x - centre) / scale
    start = fit.intercept + fit.slope * centre, np.log(fit.slope * scale)
    found = [
        minimize(_misfit, np.array([*start, top]), args=(z, data.hits, data.trials), jac=True, method="BFGS")
        for top in _STARTS
    ]
    best = min(found, key=lambda result: float(result.fun))
    ratio = max(2 * (-float(best.fun) - fit.log_likelihood), 0.0)
    return Ceiling(float(expit(best.x[2])), ratio, float(0.5 * gammaincc(0.5, ratio / 2)) if ratio > 0 else 1.0)


def _misfit(theta: F64, z: F64, hits: F64, trials: F64) -> tuple[float, F64]:
    """Minus the log-likelihood and its gradient; theta is intercept, logarithm of the slope and logit of the ceiling."""
    slope = np.exp(min(theta[1], _STEEPEST))
    eta = theta[0] + slope * z
    top, above = expit(theta[2]), expit(-theta[2])
    found = np.maximum(top * expit(eta), _TINY)
    missed = np.maximum(above + top * expit(-eta), _TINY)  # 1 − found, without cancellation
    per_log = hits - (trials - hits) * found / missed  # derivative by ln found
    by_eta = per_log * expit(-eta)
    gradient = np.array([by_eta.sum(), (by_eta * z).sum() * slope, per_log.sum() * above])
    likelihood = np.sum(hits * np.log(found) + (trials - hits) * np.log(missed))
    return -float(likelihood), -gradient
