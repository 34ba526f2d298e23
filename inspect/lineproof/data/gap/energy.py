"""Do two sets of images come from one source? The energy distance, tested by permuting whole groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.data.gap.space import F64, distances

_ROWS_AT_ONCE = 512  # × n images × 8 bytes: 20 MB for 5000 images


@dataclass(frozen=True, slots=True)
class EnergyTest:
    """How far apart two sets are, and how often chance alone would put them as far."""

    distance: float  # share of the mean distance across that is due to the sets: 0 none, 1 two points; may be below 0
    p: float
    permutations: int
    smallest_p: float  # what p can be at best, with so few groups


def energy_test(
    a: F64, b: F64, groups_a: Sequence[str], groups_b: Sequence[str], *, permutations: int = 1000, seed: int = 0
) -> EnergyTest:
    """Compare coordinates `(n, k)` and `(m, k)`; images of one group count as one, and stay together when permuted.

    The energy distance 2·E|X−Y| − E|X−X'| − E|Y−Y'| (Székely & Rizzo, "Energy statistics", J. Stat. Plan. Inference 143,
    2013) is 0 only for equal distributions and, unlike MMD with a Gaussian kernel, has no bandwidth to choose; it is an
    MMD itself, with the kernel that distances induce (Sejdinovic et al., Ann. Stat. 41, 2013), and as such keeps its
    power with few points in many dimensions. Every expectation runs over pairs of *groups*, each pair with the mean
    distance of its images, pairs of a group with itself left out: twins are near for a reason that says nothing about
    the sets, and more shots of a part are no more evidence. p counts the observed labelling as one of the permutations,
    so that it is never 0 and errs on the safe side (Phipson & Smyth, 2010).

    The result is the same with the sets exchanged.

    Raises:
        ValueError: a set with fewer than two groups.
    """
    between, first = _between_groups(a, b, groups_a, groups_b)
    count, size = len(between), int(first.sum())
    if min(size, count - size) < 2:
        raise ValueError("each set needs two groups or more")
    # An order that knows nothing of the sets, and the smaller set drawn: which of them is called A makes no difference.
    order = np.argsort(between.sum(0), kind="stable")
    between, first = between[np.ix_(order, order)], first[order]
    drawn = first if 2 * size <= count else ~first
    rng = np.random.default_rng(seed)
    labels = rng.permuted(np.tile(drawn.astype(np.float64), (permutations, 1)), axis=1)
    observed, across = _energy(between, drawn[None].astype(np.float64))
    chance, _ = _energy(between, labels)
    as_far = int((chance >= observed[0] - 1e-9 * max(across[0], 1e-12)).sum())
    arrangements = math.comb(count, size) // (2 if 2 * size == count else 1)
    return EnergyTest(
        distance=float(observed[0] / max(2 * across[0], 1e-12)),
        p=(1 + as_far) / (permutations + 1),
        permutations=permutations,
        smallest_p=max(1 / arrangements, 1 / (permutations + 1)),
    )


def _energy(between: F64, labels: F64) -> tuple[F64, F64]:
    """Energy distance and mean distance across `(p,)` of each labelling `(p, g)` of the groups, 1 for the first set."""
    size = labels.sum(1)
    other = labels.shape[1] - size
    near = labels @ between  # sum of distances from the first set to each group
    within = (near * labels).sum(1)
    across = near.sum(1) - within
    within_other = between.sum() - within - 2 * across
    mean_across = across / (size * other)
    energy = 2 * mean_across - within / (size * (size - 1)) - within_other / (other * (other - 1))
    return energy, mean_across


def _between_groups(a: F64, b: F64, groups_a: Sequence[str], groups_b: Sequence[str]) -> tuple[F64, NDArray[np.bool_]]:
    """Mean distance `(g, g)` between the images of every two groups, zero on the diagonal, and which belong to `a`."""
    codes_a, codes_b = (np.unique(np.asarray(groups), return_inverse=True)[1] for groups in (groups_a, groups_b))
    codes = np.concatenate([codes_a, codes_b + codes_a.max() + 1])
    order = np.argsort(codes, kind="stable")
    points, codes = np.concatenate([a, b])[order], codes[order]
    starts, sizes = np.unique(codes, return_index=True, return_counts=True)[1:]
    rows = np.concatenate(
        [
            np.add.reduceat(distances(points[start : start + _ROWS_AT_ONCE], points), starts, axis=1) / sizes
            for start in range(0, len(points), _ROWS_AT_ONCE)
        ]
    )
    between = np.add.reduceat(rows, starts, axis=0) / sizes[:, None]
    np.fill_diagonal(between, 0)
    return (between + between.T) / 2, np.arange(len(starts)) <= codes_a.max()
