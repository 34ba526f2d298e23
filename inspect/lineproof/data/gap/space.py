"""The space in which images are compared: features of equal weight, and of these only the directions that vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

# Beyond that, directions hold the noise of single images: at 100 images, every distance is mostly made of it.
KEPT_VARIANCE, MOST_AXES = 0.95, 64
_FLAT = 1e-6  # of the largest deviation: a feature that never changes says nothing, and must not be divided by


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Features `(n, d)` standardised one by one, then turned onto their k principal axes, widest first."""

    mean: F64  # (d,)
    scale: F64  # (d,) standard deviation; infinite for a feature that never changes, which silences it
    axes: F64  # (d, k)

    @classmethod
    def fit(cls, features: NDArray[np.floating], *, share: float = KEPT_VARIANCE, most: int = MOST_AXES) -> Self:
        """The space of these images, all of them together: who belongs to which set must not shape it."""
        values = np.asarray(features, np.float64)
        mean, deviation = values.mean(0), values.std(0)
        scale = np.where(deviation > _FLAT * max(deviation.max(initial=0), 1e-12), deviation, np.inf)
        _, singular, turned = np.linalg.svd((values - mean) / scale, full_matrices=False)
        held = np.cumsum(singular**2) / max((singular**2).sum(), 1e-12)
        kept = min(int(np.searchsorted(held, share)) + 1, most, len(singular))
        return cls(mean, scale, turned[:kept].T)

    def project(self, features: NDArray[np.floating]) -> F64:
        """Coordinates `(n, k)`; distances between rows are distances between images."""
        return np.asarray((np.asarray(features, np.float64) - self.mean) / self.scale @ self.axes, np.float64)


def distances(a: F64, b: F64) -> F64:
    """Euclidean distances `(n, m)` between the rows of two arrays."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)
