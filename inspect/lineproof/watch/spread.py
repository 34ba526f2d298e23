"""Limits from what good frames showed: a robust spread, the farthest good one, and a floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Chosen on NEU-DET and the magnetic tiles (tests/benchmarks/quality_gate.py), 12 scenes, up to 50 frames learnt: k = 4 alone
# refuses 4 % of the good frames that were not learnt, for the tails of real scenes are heavier than a Gaussian's; with
# three quarters more than the farthest good frame it is 0.4 %, and σ = 4 px is still refused. k = 6 lets blur through.
SPREADS = 4.0
BEYOND = 0.75
# A frame this far from the middle is no example of a good one.
OUTLIER_SPREADS = 10.0
_MAD_TO_SIGMA = 1.4826  # of a Gaussian


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over the good frames, on a scale where its spread is even."""

    middle: float
    low: float  # the limits
    high: float


def outliers(values: Sequence[float], floor: float) -> NDArray[np.bool_]:
    """Which values `(n,)` lie far from all others; never for less than three times the floor."""
    column = np.asarray(values, np.float64)
    away = np.abs(column - np.median(column))
    return np.asarray(away > max(OUTLIER_SPREADS * _MAD_TO_SIGMA * float(np.median(away)), 3 * floor))


def spread(values: Sequence[float], floor: float) -> Spread:
    """Limits on both sides: 4 robust spreads, or 1.75 times as far as the farthest good one, no closer than the floor."""
    column = np.asarray(values, np.float64)
    middle = float(np.median(column))
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(column - middle)))
    below = max(SPREADS * sigma, (1 + BEYOND) * (middle - float(column.min())), floor)
    above = max(SPREADS * sigma, (1 + BEYOND) * (float(column.max()) - middle), floor)
    return Spread(middle, middle - below, middle + above)
