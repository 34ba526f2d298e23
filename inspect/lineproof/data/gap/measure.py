"""The whole comparison of two sets of images, from features and facts to one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.data.formats.wording import count
from lineproof.data.gap.energy import EnergyTest, energy_test
from lineproof.data.gap.facts import FactGap, compare_facts
from lineproof.data.gap.outside import Outside, find_outside
from lineproof.data.gap.separation import separation_auc
from lineproof.data.gap.space import F64, MOST_AXES, Space
from lineproof.errors import InputError

FEWEST_IMAGES = 8  # below, every answer would be chance
GROUPS_PER_AXIS = 3
FEWEST_GROUPS = 4  # 4 against 4: 35 ways to deal them, so that p cannot be below 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two sets."""

    name: str
    features: NDArray[np.float32]  # (n, d)
    facts: F64  # (n, 7), see `measure_image`
    groups: Sequence[str]  # (n,) of joined groups: the same name in both sets is the same part

    def __len__(self) -> int:
        """Number of images."""
        return len(self.groups)

    @property
    def group_count(self) -> int:
        """Number of different groups."""
        return len(set(self.groups))


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """How far B is from A, and in what."""

    a: Side
    b: Side
    test: EnergyTest
    auc: float
    outside: Outside
    facts: tuple[FactGap, ...]
    plane_a: F64  # (n, 2) the two widest axes, for a plot
    plane_b: F64

    @property
    def shared_groups(self) -> int:
        """Groups with images on both sides: they make the gap look smaller than it is."""
        return len(set(self.a.groups) & set(self.b.groups))


def measure_gap(a: Side, b: Side, *, permutations: int = 1000, seed: int = 0) -> Gap:
    """Compare two sets; the distance, p and AUC are the same with the sets exchanged.

    Raises:
        InputError: a set with too few images or groups to say anything.
    """
    for side in (a, b):
        _require_enough(side)
    # A direction needs a few independent groups to be known: at 92 groups of real tiles, 64 axes told a change of light
    # with AUC 0.60 and 32 with 0.65.
    groups_there = len(set(a.groups) | set(b.groups))
    most = min(MOST_AXES, max(2, groups_there // GROUPS_PER_AXIS))
    space = Space.fit(np.concatenate([a.features, b.features]), most=most)
    points_a, points_b = space.project(a.features), space.project(b.features)
    groups = a.groups, b.groups
    return Gap(
        a,
        b,
        test=energy_test(points_a, points_b, *groups, permutations=permutations, seed=seed),
        auc=separation_auc(points_a, points_b, *groups, seed=seed),
        outside=find_outside(points_a, points_b, a.groups),
        facts=compare_facts(a.facts, b.facts, *groups, permutations=permutations, seed=seed),
        plane_a=_plane(points_a),
        plane_b=_plane(points_b),
    )


def _plane(points: F64) -> F64:
    """The first two axes `(n, 2)`; where one holds all variance, the second is 0."""
    return np.pad(points[:, :2], ((0, 0), (0, max(0, 2 - points.shape[1]))))


def _require_enough(side: Side) -> None:
    if len(side) < FEWEST_IMAGES:
        raise InputError(
            f"{side.name}: {count(len(side), 'image')}, too few to compare",
            hint=f"give {FEWEST_IMAGES} or more of each set",
        )
    if side.group_count < FEWEST_GROUPS:
        raise InputError(
            f"{side.name}: {len(side)} images of only {count(side.group_count, 'part')}, too few to compare",
            hint=f"give images of {FEWEST_GROUPS} or more parts of each set",
        )
