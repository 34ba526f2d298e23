"""Folds of the training images for one class: a part's images never lie on both sides, and both sides show both kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

FOLDS = 5

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows to learn from, rows to judge on


def folds_of(has: NDArray[np.bool_], groups: NDArray[np.str_], *, most: int = FOLDS) -> Sequence[Fold]:
    """Up to `most` folds of images `(n,)` that have the class or have it not; none where too few parts show either kind."""
    parts = min(len(set(groups[has])), len(set(groups[~has])), most)
    for count in range(parts, 1, -1):
        # Shuffled, or parts of one kind that stand together in the data set would all fall into one fold.
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=0)
        folds = list(splitter.split(np.zeros(len(has)), has, groups))
        if all(has[learn].any() and not has[learn].all() for learn, _ in folds):
            return folds
    return ()
