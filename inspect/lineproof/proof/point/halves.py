"""The parts that an operating point is chosen from, and their halves: one shapes, the other speaks for what was shaped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.errors import InputError
from lineproof.proof.point.calibration import F64, Bools

Groups = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationParts:
    """In columns of one length.

    Raises:
        ValueError: columns that do not match, a truth that is not bool, or scores outside 0..1.
        InputError: no parts at all.
    """

    bad: Bools  # (n,)
    score: F64  # (n, columns) highest of each; 0 where nothing was found
    group: Groups  # (n,) parts that belong together

    def __post_init__(self) -> None:
        if self.bad.dtype != np.bool_:
            raise ValueError(f"bad: expected bool, got {self.bad.dtype}")
        if self.score.ndim != 2 or not len(self.bad) == len(self.score) == len(self.group):
            shapes = f"bad {self.bad.shape}, score {self.score.shape}, group {self.group.shape}"
            raise ValueError(f"{shapes}: expected (n,), (n, columns), (n,)")
        if not len(self.bad):
            raise InputError("no calibration parts: nothing to choose from", hint="name a split that has some")
        if not ((self.score >= 0) & (self.score <= 1)).all():
            raise ValueError("score: expected values in 0..1")

    def __len__(self) -> int:
        return len(self.bad)

    def of(self, rows: Bools) -> CalibrationParts:
        """Some of them."""
        return CalibrationParts(self.bad[rows], self.score[rows], self.group[rows])


def shape_half(bad: Bools, group: Groups, *, seed: int = 0) -> Bools:
    """Which parts `(n,)` shape the family: half of the groups with a bad part and half of the others, drawn at random."""
    names, member = np.unique(group, return_inverse=True)
    has_bad = np.bincount(member, bad, len(names)) > 0
    rng = np.random.default_rng(seed)
    shapes = np.zeros(len(names), np.bool_)
    for kind in (has_bad, ~has_bad):
        order = rng.permutation(np.flatnonzero(kind))
        shapes[order[: len(order) // 2]] = True
    return shapes[member]
