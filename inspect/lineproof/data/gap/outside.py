"""Images of one set that lie outside all that the other shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.data.gap.space import F64, distances

NEIGHBOURS, QUANTILE = 5, 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """Distances of the images of B from those of A, against the limit that A sets itself."""

    ratio: F64  # (m,) distance / limit; above 1: outside
    nearest: NDArray[np.intp]  # (m,) row of the most similar image of A
    limit: float
    quantile: float

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows of B that are outside, the furthest first."""
        order = np.argsort(-self.ratio, kind="stable")
        return order[self.ratio[order] > 1]


def find_outside(a: F64, b: F64, groups_a: Sequence[str]) -> Outside:
    """Compare each image of B `(m, k)` with A `(n, k)` by the distance to its fifth nearest.

    The limit is the 99 % quantile of the same distance inside A, each image measured against the other groups only: an
    image with a twin in its own group would look ordinary however odd the part is. The k-th neighbour needs no shape of
    the distribution (Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022).
    Raises ValueError when A has fewer than two groups.
    """
    codes = np.unique(np.asarray(groups_a), return_inverse=True)[1]
    if len(codes) == 0 or codes.max() < 1:
        raise ValueError("the first set needs two groups or more")
    inside = distances(a, a)
    inside[codes[:, None] == codes[None]] = np.inf
    fewest = len(a) - int(np.bincount(codes).max())  # images that every one of A has in other groups
    k = min(NEIGHBOURS, fewest)
    limit = float(np.quantile(_kth(inside, k), QUANTILE, method="higher"))
    across = distances(b, a)
    ratio = _kth(across, k) / max(limit, 1e-12)
    return Outside(ratio, across.argmin(1), limit, QUANTILE)


def _kth(rows: F64, k: int) -> F64:
    """The k-th smallest of each row."""
    return np.asarray(np.partition(rows, k - 1, axis=1)[:, k - 1], np.float64)
