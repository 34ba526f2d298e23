"""Exact bounds on a rate from counts: the unit is the physical part, each part counted once.

With 0 misses Wald's interval is 0–0, a proof made of nothing, so it is not here. Wilson's is, for plots: it is shorter
than the exact one and may leave the rate out more often than it says.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

F64 = NDArray[np.float64]


class Interval(NamedTuple):
    """Lower and upper bound of a rate, 0..1."""

    low: float
    high: float


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> Interval:
    """Two-sided exact interval (Clopper & Pearson, Biometrika 1934); 0 trials say nothing: (0, 1).

    Raises:
        ValueError: hits outside 0..trials, or a confidence outside 0..1.
    """
    _check(confidence)
    tail = (1 - confidence) / 2
    return Interval(lower_bound(hits, trials, 1 - tail), upper_bound(hits, trials, 1 - tail))


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound; with no hit 1 - (1 - confidence)^(1/trials), near 3/trials at 95 %.

    Raises:
        ValueError: hits outside 0..trials, or a confidence outside 0..1.
    """
    return float(upper_bounds(hits, trials, confidence))


def lower_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound; 0 where nothing was hit.

    Raises:
        ValueError: hits outside 0..trials, or a confidence outside 0..1.
    """
    return float(lower_bounds(hits, trials, confidence))


def upper_bounds(hits: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> F64:
    """`upper_bound` of many counts at once: integers that broadcast in, bounds of their common shape out."""
    x, n = _counts(hits, trials, confidence)
    inner = betaincinv(x + 1, np.maximum(n - x, 1), confidence)
    return np.where(x == n, 1.0, inner)


def lower_bounds(hits: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> F64:
    """`lower_bound` of many counts at once: integers that broadcast in, bounds of their common shape out."""
    x, n = _counts(hits, trials, confidence)
    inner = betaincinv(np.maximum(x, 1), n - x + 1, 1 - confidence)
    return np.where(x == 0, 0.0, inner)


def rule_of_three(trials: int) -> float:
    """3/trials: the one-sided 95 % upper bound after no hit, in the head (Hanley & Lippman-Hand, JAMA 1983).

    A little above the exact bound at every number of trials, so it never claims too much.

    Raises:
        ValueError: trials below 0.
    """
    if trials < 0:
        raise ValueError(f"trials: expected 0 or more, got {trials}")
    return 1.0 if trials < 3 else 3 / trials


def wilson(hits: int, trials: int, confidence: float = 0.95) -> Interval:
    """Two-sided score interval (Wilson, JASA 1927), for plots only: its coverage falls below what it says.

    Raises:
        ValueError: hits outside 0..trials, or a confidence outside 0..1.
    """
    _counts(hits, trials, confidence)
    if trials == 0:
        return Interval(0.0, 1.0)
    z = float(ndtri((1 + confidence) / 2))
    rate, shrink = hits / trials, 1 + z * z / trials
    middle = (rate + z * z / (2 * trials)) / shrink
    half = z / shrink * sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    return Interval(middle - half if hits else 0.0, middle + half if hits < trials else 1.0)


def _counts(hits: ArrayLike, trials: ArrayLike, confidence: float) -> tuple[F64, F64]:
    x, n = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(trials, np.float64))
    wrong = ~((x >= 0) & (x <= n) & (x == np.floor(x)) & (n == np.floor(n)))
    if wrong.any():
        raise ValueError(f"hits: expected 0..{n[wrong].flat[0]:g}, got {x[wrong].flat[0]:g}")
    _check(confidence)
    return x, n


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a value between 0 and 1, got {confidence}")
