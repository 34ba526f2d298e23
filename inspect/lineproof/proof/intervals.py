"""Exact bounds on a rate from counts."""

from __future__ import annotations

from typing import NamedTuple

from scipy.stats import beta


class Interval(NamedTuple):
    """Lower and upper bound of a rate, 0..1."""

    low: float
    high: float


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> Interval:
    """Two-sided exact interval (Clopper & Pearson 1934); 0 trials say nothing: (0, 1).

    Raises:
        ValueError: hits outside 0..trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"hits: expected 0..{trials}, got {hits}")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return Interval(low, high)


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound; with no hit it is near 3/trials at 95 % (the rule of three)."""
    if not 0 <= hits <= trials:
        raise ValueError(f"hits: expected 0..{trials}, got {hits}")
    return 1.0 if hits == trials else float(beta.ppf(confidence, hits + 1, trials - hits))
