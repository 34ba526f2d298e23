"""Whole groups into splits so that every label keeps its share: greedy, then moved while that helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

# What it costs when a label is absent from a split although it has a group for each split: as much as being
# 50 % of all its images away from the target, more than any balance between other labels can gain.
ABSENT = 0.25
MOST_MOVES = 500


@dataclass(frozen=True, eq=False)
class Target:
    """What is wanted of every split."""

    shares: F64  # (splits,) of all images, sum 1
    totals: F64  # (labels,) images of each label
    spread: NDArray[np.bool_]  # (labels,) in enough groups to be in every split

    def cost(self, have: F64, split: int) -> F64:
        """How far counts `(…, labels)` of one split are from its share, `(…,)`."""
        off = have / self.totals - self.shares[split]
        absent = (have == 0) & self.spread
        cost: F64 = (off**2 + ABSENT * absent).sum(axis=-1)
        return cost


def stratify(counts: F64, shares: tuple[float, ...], seed: int) -> NDArray[np.int64]:
    """The split `(groups,)` of every group from its label counts `(groups, labels)`; the same for the same seed.

    Every split gets a group. Raises ValueError for fewer groups than splits.
    """
    groups, splits = len(counts), len(shares)
    if groups < splits:
        raise ValueError(f"{groups} groups for {splits} splits")
    counts = counts[:, counts.sum(axis=0) > 0]
    in_groups = (counts > 0).sum(axis=0)
    target = Target(np.asarray(shares, np.float64), counts.sum(axis=0), in_groups >= splits)
    order = _hardest_first(counts, in_groups, np.random.default_rng(seed))
    split_of = _place(counts, order, target)
    _fill_empty(counts, split_of, splits)
    _improve(counts, split_of, target)
    return split_of


def _hardest_first(counts: F64, in_groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Groups that hold the rarest label first, among them the largest; ties by chance."""
    shuffled = rng.permutation(len(counts))
    rarest = np.where(counts > 0, in_groups, len(counts) + 1).min(axis=1)
    return shuffled[np.lexsort((-counts[shuffled].sum(axis=1), rarest[shuffled]))]


def _place(counts: F64, order: NDArray[np.int64], target: Target) -> NDArray[np.int64]:
    """Each group where it is missed most, measured against what a split of that size should have."""
    splits = len(target.shares)
    have = np.zeros((splits, counts.shape[1]))
    split_of = np.zeros(len(counts), np.int64)
    wanted = target.shares[:, None] * target.totals
    for group in order:
        missing = (wanted - have) / np.maximum(wanted, 1e-9)
        split_of[group] = int((missing * (counts[group] > 0)).sum(axis=1).argmax())
        have[split_of[group]] += counts[group]
    return split_of


def _fill_empty(counts: F64, split_of: NDArray[np.int64], splits: int) -> None:
    """No split without a group: the smallest group of the split that has most."""
    for split in range(splits):
        if not (split_of == split).any():
            fullest = int(np.bincount(split_of, minlength=splits).argmax())
            there = np.flatnonzero(split_of == fullest)
            split_of[there[counts[there].sum(axis=1).argmin()]] = split


def _improve(counts: F64, split_of: NDArray[np.int64], target: Target) -> None:
    """Move the group whose move helps most, until none does; never the last of its split."""
    rows, splits = np.arange(len(counts)), len(target.shares)
    for _ in range(MOST_MOVES):
        have = np.stack([counts[split_of == split].sum(axis=0) for split in range(splits)])
        now = np.array([target.cost(have[split], split) for split in range(splits)])
        leaving, joining = np.empty(len(counts)), np.empty((len(counts), splits))
        for split in range(splits):
            own = split_of == split
            leaving[own] = target.cost(have[split] - counts[own], split) - now[split]
            joining[:, split] = target.cost(have[split] + counts, split) - now[split]
        change = leaving[:, None] + joining
        change[rows, split_of] = np.inf
        change[np.isin(split_of, np.flatnonzero(np.bincount(split_of, minlength=splits) == 1))] = np.inf
        group, split = divmod(int(change.argmin()), splits)
        if change[group, split] > -1e-9:
            return
        split_of[group] = split
