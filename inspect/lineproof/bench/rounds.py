"""The arithmetic of interleaved rounds: whose turn it is, and what the times say."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Rounds = Sequence[Sequence[float]]  # milliseconds of every call, round by round


def turns(contenders: int, rounds: int, seed: int) -> list[list[int]]:
    """Who goes when: every round in another order, so that nobody always follows the one who leaves the caches cold."""
    order = random.Random(seed)  # noqa: S311 (no secret)
    return [order.sample(range(contenders), contenders) for _ in range(rounds)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds a call took, over all calls of all rounds."""

    calls: int
    min_ms: float
    median_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times a floor's time, as the median over rounds; half of the rounds lie between `low` and `high`."""

    median: float
    low: float
    high: float


def spread(rounds: Rounds) -> Spread:
    """The figures of one contender."""
    times = sorted(ms for turn in rounds for ms in turn)
    return Spread(len(times), times[0], statistics.median(times), percentile(times, 0.99))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed: one that was measured, none in between."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def ratio(rounds: Rounds, floor: Rounds) -> Ratio:
    """Median over rounds of (this round's median / the floor's median in the same round).

    Whatever slows the machine for some seconds slows both, and cancels out; the ratio of two overall medians would not.
    """
    values = sorted(
        statistics.median(ours) / statistics.median(theirs) for ours, theirs in zip(rounds, floor, strict=True)
    )
    return Ratio(statistics.median(values), percentile(values, 0.25), percentile(values, 0.75))


def unrest(floor: Rounds, cpu_ms: Sequence[float], threads: int) -> float:
    """The share of its cores' time a bare run did not get: 0 on a quiet machine.

    Its threads work or spin from the first moment to the last, so CPU time that is missing went to somebody else.
    `cpu_ms` is per call, of each round.
    """
    shares = [cpu / (threads * statistics.mean(turn)) for turn, cpu in zip(floor, cpu_ms, strict=True)]
    return max(1 - statistics.median(shares), 0.0)
