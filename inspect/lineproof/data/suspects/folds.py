"""Folds of whole groups: what judges a box has never seen the part it is on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Sample
from lineproof.data.formats.wording import count
from lineproof.data.stratify import stratify
from lineproof.errors import DatasetError


def group_folds(samples: Sequence[Sample], classes: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold `(samples,)` of every sample; groups whole, every class in every fold as far as its groups reach.

    Raises:
        DatasetError: fewer groups than folds.
    """
    names = sorted({sample.group for sample in samples})
    if len(names) < folds:
        raise DatasetError(
            f"{count(len(names), 'group')} of {count(len(samples), 'image')} for {folds} folds",
            hint=f"a part never judges itself: take images of more parts, or --folds {max(2, len(names))}",
        )
    row_of = {name: row for row, name in enumerate(names)}
    counts = np.zeros((len(names), classes + 2))
    for sample in samples:
        shown = np.bincount(sample.truth.class_id, minlength=classes) > 0
        counts[row_of[sample.group]] += [*shown, sample.ok, 1]
    fold_of = stratify(counts, (1 / folds,) * folds, seed)
    return np.array([fold_of[row_of[sample.group]] for sample in samples], np.int64)
