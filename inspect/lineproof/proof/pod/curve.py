"""One curve of the probability of detection over size, and the sizes it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from lineproof.proof.pod.bounds import delta_bound, likelihood_ratio_bound, linear_band, wald_bound
from lineproof.proof.pod.logistic import HitMiss, LogisticFit, fit_logistic

F64 = NDArray[np.float64]
Scale = Literal["a", "ln a"]

SCALES: tuple[Scale, ...] = ("a", "ln a")
PROBABILITY, CONFIDENCE = 0.90, 0.95  # of a90/95
_LARGEST_LOG = 700.0  # e to more than this is no number


@dataclass(frozen=True, slots=True, eq=False)
class PodCurve:
    """logit POD(a) = β₀ + β₁x with x = a or x = ln a (MIL-HDBK-1823A; Berens 1989)."""

    data: HitMiss  # over the size a
    scale: Scale
    fit: LogisticFit  # over x

    def probability(self, size: ArrayLike) -> F64:
        """POD at these sizes."""
        return np.asarray(expit(self.fit.intercept + self.fit.slope * to_scale(size, self.scale)), np.float64)

    def band(self, size: ArrayLike) -> tuple[F64, F64]:
        """Lower and upper pointwise Wald bounds at these sizes, each one-sided at 95 %."""
        low, high = linear_band(self.fit, to_scale(size, self.scale), CONFIDENCE)
        return expit(low), expit(high)

    def size_at(self, probability: float) -> float | None:
        """The size that is found with this probability; None where it is no number."""
        return self._size(self.fit.x_at(probability))

    @property
    def wald(self) -> float | None:
        """a90/95 by the Wald band, wherever it lies; None where the band never crosses 90 %."""
        return self._size(wald_bound(self.fit, PROBABILITY, CONFIDENCE))

    @property
    def delta(self) -> float | None:
        """The same by the delta method, for information: it is too small."""
        return self._size(delta_bound(self.fit, PROBABILITY, CONFIDENCE)) if self.fit.slope > 0 else None

    @property
    def likelihood_ratio(self) -> float | None:
        """The same by profile likelihood, for information: it is too small with few defects."""
        if self.fit.slope <= 0:
            return None
        data = HitMiss(to_scale(self.data.x, self.scale), self.data.hits, self.data.trials)
        return self._size(likelihood_ratio_bound(data, self.fit, PROBABILITY, CONFIDENCE))

    def as_dict(self) -> dict[str, object]:
        """For JSON; null: infinite."""
        return {
            "x": self.scale,
            **self.fit.as_dict(),
            "a50": rounded(self.size_at(0.5)),
            "a90": rounded(self.size_at(PROBABILITY)),
            "wald_bound": rounded(self.wald),
            "for_information": {"delta": rounded(self.delta), "likelihood_ratio": rounded(self.likelihood_ratio)},
        }

    def _size(self, x: float | None) -> float | None:
        return None if x is None else from_scale(x, self.scale)


def to_scale(size: ArrayLike, scale: Scale) -> F64:
    """Values x of sizes above 0."""
    a = np.asarray(size, np.float64)
    return a if scale == "a" else np.log(a)


def from_scale(x: float, scale: Scale) -> float | None:
    """The size at x; None where it is too large for a number."""
    if scale == "a":
        return x
    return float(np.exp(x)) if x < _LARGEST_LOG else None


def fit_curve(data: HitMiss, scale: Scale) -> PodCurve:
    """The likeliest curve on one scale, without asking whether the data are enough; `fit_pod` asks.

    Raises:
        SeparationError: hits and misses do not overlap.
    """
    return PodCurve(data, scale, fit_logistic(HitMiss(to_scale(data.x, scale), data.hits, data.trials)))


def rounded(size: float | None) -> float | None:
    """To five figures."""
    return None if size is None else float(f"{size:.5g}")
