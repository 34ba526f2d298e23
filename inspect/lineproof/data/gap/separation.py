"""How well can the two sets be told apart? A figure that a person can read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.data.gap.space import F64

FOLDS, REPEATS = 5, 5
# Of the mean variance of an axis: shrinks the covariance towards a ball, as few images leave it nearly singular.
_SHRINKAGE = 0.2


def separation_auc(a: F64, b: F64, groups_a: Sequence[str], groups_b: Sequence[str], *, seed: int = 0) -> float:
    """Area under the ROC curve of a linear classifier on images of groups it never saw: 0.5 it cannot tell, 1 always.

    A classifier two-sample test (Lopez-Paz & Oquab, ICLR 2017) with Fisher's linear discriminant, every group weighing
    the same. The mean over folds and repeats of the curve inside a fold: scores of different folds do not compare.
    A group with images in both sets is learnt or held out on both sides at once. The same with the sets exchanged.
    Raises ValueError for a set with fewer than two groups.
    """
    names, codes = np.unique(np.concatenate([np.asarray(groups_a), np.asarray(groups_b)]), return_inverse=True)
    codes_a, codes_b = codes[: len(a)], codes[len(a) :]
    sides = np.stack([np.isin(np.arange(len(names)), each) for each in (codes_a, codes_b)])
    folds = min(FOLDS, *sides.sum(1).tolist())
    if folds < 2:
        raise ValueError("each set needs two groups or more")
    found = []
    for repeat in range(REPEATS):
        fold_of = _deal(sides, folds, [seed, repeat])
        for fold in range(folds):
            held_a, held_b = fold_of[codes_a] == fold, fold_of[codes_b] == fold
            if 0 < held_a.sum() < len(a) and 0 < held_b.sum() < len(b):
                weight_a, weight_b = _weights(codes_a[~held_a]), _weights(codes_b[~held_b])
                direction = _discriminant(a[~held_a], b[~held_b], weight_a, weight_b)
                found.append(auc(a[held_a] @ direction, b[held_b] @ direction))
    return float(np.mean(found))


def auc(a: F64, b: F64) -> float:
    """Chance that a value drawn from `b` lies above one from `a`, ties counted half."""
    ordered = np.sort(a)
    below, upto = np.searchsorted(ordered, b, "left"), np.searchsorted(ordered, b, "right")
    return float((below + upto).mean() / (2 * len(a)))


def _deal(sides: NDArray[np.bool_], folds: int, seed: list[int]) -> NDArray[np.intp]:
    """The fold `(g,)` of each group; those of A alone, of B alone and of both `(2, g)` are each spread over the folds.

    A alone and B alone are dealt with the same numbers, whichever comes first; both start one fold later, so that no
    set of two groups ends in one fold.
    """
    fold_of = np.zeros(sides.shape[1], np.intp)
    for first, members in enumerate((sides[0] & ~sides[1], sides[1] & ~sides[0], sides[0] & sides[1])):
        dealt = np.random.default_rng(seed).permutation(int(members.sum()))
        fold_of[members] = (dealt + first // 2) % folds
    return fold_of


def _weights(codes: NDArray[np.intp]) -> F64:
    """Weights `(n,)` of images that add up to one, the same for every group."""
    share = 1 / np.bincount(codes)[codes]
    return np.asarray(share / share.sum(), np.float64)


def _discriminant(a: F64, b: F64, weight_a: F64, weight_b: F64) -> F64:
    """The direction `(k,)` along which the sets differ most against the spread inside them."""
    mean_a, mean_b = weight_a @ a, weight_b @ b
    spread = ((a - mean_a).T * weight_a) @ (a - mean_a) + ((b - mean_b).T * weight_b) @ (b - mean_b)
    spread /= 2
    ball = np.trace(spread) / len(spread) * np.eye(len(spread))
    mixed = (1 - _SHRINKAGE) * spread + _SHRINKAGE * ball + 1e-9 * np.eye(len(spread))
    return np.asarray(np.linalg.solve(mixed, mean_b - mean_a), np.float64)
