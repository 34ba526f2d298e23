"""A line of operating points from strict to loose: one number that gives the threshold of every column.

At λ each column's threshold is the lowest score at which its calibrated probability reaches λ, so a part is rejected
exactly where its level, the highest probability of its columns, is at least λ. Thresholds have four digits and so has
the family: whatever is counted at λ is counted at the very thresholds that are written down.

The highest of several probabilities is none itself: the more columns, the more often one of them is high by chance. So
levels are calibrated once more. That moves no threshold relative to another, but makes λ the probability that prices ask
for (`cost.elkan_threshold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.proof.point.calibration import F64, AsIs, Bools, Calibrator, fit_calibrator

Steps = NDArray[np.int64]  # scores and thresholds in steps of 1/STEPS

STEPS = 10_000
_LEAST = 1e-12  # a score that was found is above nothing found, whatever the calibrator says


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Made by `family_of` or `fit_family`."""

    columns: tuple[str, ...]
    calibrators: tuple[Calibrator, ...]  # of each column
    joint: Calibrator  # of the highest of them
    floor: int  # the lowest threshold, in steps
    table: F64  # (columns, STEPS + 1) probability of every step, rising; 0 below the floor, 1 at a score of 1

    def level(self, score: F64) -> F64:
        """Of each part `(n,)` from its scores `(n, columns)`: rejected where λ is at most this; 0 where nothing counts."""
        steps = steps_of(score)
        level = np.zeros(len(score))
        for column, row in enumerate(self.table):
            np.maximum(level, row[steps[:, column]], out=level)
        return level

    def thresholds(self, at: float) -> Steps:
        """Of every column `(columns,)` at λ in (0, 1]."""
        return np.array([np.searchsorted(row, at, side="left") for row in self.table], np.int64)

    def between(self, level: F64, at: float) -> Steps:
        """Thresholds that decide on these parts as those of λ do, halfway to the next level below.

        Never above those of λ in any column, so that whatever λ rejects is rejected: halves are rounded down.
        """
        below = level[level < at].max(initial=0.0)
        lowest = np.array([np.searchsorted(row, below, side="right") for row in self.table], np.int64)
        return (lowest + self.thresholds(at)) // 2


def steps_of(score: F64) -> Steps:
    """The highest threshold of four digits that each score reaches, in steps; exact, where `score · 10000` is not."""
    steps = np.floor(score * STEPS).astype(np.int64)
    steps -= steps / STEPS > score
    return steps + ((steps + 1) / STEPS <= score)


def rejects(score: F64, thresholds: Steps) -> Bools:
    """Which parts `(n,)` reach a threshold in some column."""
    return np.asarray((steps_of(score) >= thresholds).any(axis=1))


def family_of(
    columns: Sequence[str], calibrators: Sequence[Calibrator], score_floor: float, joint: Calibrator | None = None
) -> Family:
    """The family of given calibrators.

    Args:
        columns: names of the columns.
        calibrators: one of each, rising.
        score_floor: the lowest score that the engine reports; thresholds below it could never act.
        joint: of the highest of them, rising; None leaves it as it is.
    """
    joint = joint or AsIs()
    floor = int(np.ceil(round(score_floor * STEPS, 6)))
    grid = np.arange(STEPS + 1) / STEPS
    alone = np.array([calibrator.probability(grid) for calibrator in calibrators])
    table = np.clip(joint.probability(alone), _LEAST, 1.0)
    table[:, :floor] = 0.0
    table[:, STEPS] = 1.0  # there is no threshold above 1
    return Family(tuple(columns), tuple(calibrators), joint, floor, table)


def fit_family(bad: Bools, score: F64, columns: Sequence[str], score_floor: float) -> Family:
    """Calibrate every column to P(part is bad), given that something was found there.

    A column with too few parts, or whose score says nothing, takes the calibrator of all columns together; where that
    cannot be had either, all scores stay as they are, so that all columns share one scale in any case.

    Args:
        bad: `(n,)` which parts are bad.
        score: `(n, columns)` highest of each, 0 where nothing was found.
        columns: their names.
        score_floor: the lowest score that the engine reports.
    """
    found = score >= score_floor
    together = fit_calibrator(np.broadcast_to(bad[:, None], score.shape)[found], score[found])
    calibrators: list[Calibrator] = [together] * len(columns)
    if not isinstance(together, AsIs):
        for column, seen in enumerate(found.T):
            own = fit_calibrator(bad[seen], score[seen, column])
            if not isinstance(own, AsIs):
                calibrators[column] = own
    level = family_of(columns, calibrators, score_floor).level(score)
    seen = level > 0
    return family_of(columns, calibrators, score_floor, fit_calibrator(bad[seen], level[seen]))
