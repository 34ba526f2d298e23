"""Features as coordinates in the space that the training images span: as many numbers as images, and nothing lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from lineproof.adapt.classify.scorer import Matrix

_TINY = 1e-6  # of the largest direction: below it is rounding
_STILL = 1e-6  # a feature that hardly changes over the training images would be blown up to noise


@dataclass(frozen=True, slots=True)
class Span:
    """Standardisation and rotation: `coordinates = (features - mean) / scale @ axes`.

    With an L2 penalty the best weights lie in this space, so a fit in it is the fit in all features (representer
    theorem), and twenty times faster for a few hundred images of a few thousand features. Rows have a length of about 1,
    so that one range of penalties suits every backbone.
    """

    mean: Matrix  # (d,)
    scale: Matrix  # (d,)
    axes: Matrix  # (d, r)

    @classmethod
    def of(cls, features: Matrix) -> Self:
        """From training images `(n, d)`; labels are not seen."""
        mean, spread = features.mean(0), features.std(0)
        scale = np.where(spread > _STILL * max(float(spread.max()), 1e-12), spread, np.inf) * np.sqrt(features.shape[1])
        _, sizes, axes = np.linalg.svd((features - mean) / scale, full_matrices=False)
        kept = sizes > _TINY * max(float(sizes[0]), 1e-12)
        return cls(mean, scale, axes[kept].T)

    def coordinates(self, features: Matrix) -> Matrix:
        """`(n, r)`."""
        coordinates: Matrix = ((features - self.mean) / self.scale) @ self.axes
        return coordinates

    def unfold(self, weight: Matrix, bias: Matrix) -> tuple[Matrix, Matrix]:
        """A linear map `(k, r)` and its bias `(k,)` on coordinates as one on features, `(k, d)` and `(k,)`."""
        on_features: Matrix = (weight @ self.axes.T) / self.scale
        return on_features, bias - on_features @ self.mean
