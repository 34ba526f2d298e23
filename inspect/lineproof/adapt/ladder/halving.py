"""Successive halving: short schedules for all, longer ones for the better half, the whole one for the last.

Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """One pass over the candidates that are left."""

    number: int  # from 1
    of: int
    share: float  # of the whole schedule

    @property
    def last(self) -> bool:
        """The one with the whole schedule, all seeds and the test split."""
        return self.number == self.of


def plan_rounds(rounds: int, halvings: int) -> tuple[Round, ...]:
    """At most `rounds`, each twice as long as the one before; no more than the whole length can be halved, and one."""
    useful = min(rounds, halvings + 1)
    return tuple(Round(i + 1, useful, 2.0 ** (i + 1 - useful)) for i in range(useful))


def better_half(order: Sequence[str]) -> list[str]:
    """The first half of a ranking, the middle one included; never nobody."""
    return list(order[: max(1, (len(order) + 1) // 2)])


@dataclass(frozen=True, slots=True)
class Pace:
    """What a candidate was measured to take, in seconds."""

    whole_s: float  # learning, its whole schedule
    rest_s: float  # start, export, measuring


def pace_of(trials: Sequence[tuple[float, float, float]]) -> Pace:
    """From (seconds in all, seconds of learning, share of the schedule) of a candidate's trials."""
    learning = sum(learnt for _, learnt, _ in trials)
    rest = sum(total for total, _, _ in trials) - learning
    return Pace(learning / sum(share for _, _, share in trials), max(rest, 0.0) / len(trials))


def full_s(paces: Iterable[Pace], seeds: int) -> float:
    """An estimate of training every candidate in full, with every seed, one after the other."""
    return sum(seeds * (pace.whole_s + pace.rest_s) for pace in paces)


def minutes_each(minutes: float, rounds: Sequence[Round], candidates: int, seeds: int, workers: int) -> float:
    """How long one full training may learn, so that all trials of all rounds fit: the same for every candidate."""
    wholes, alive = 0.0, candidates
    for round_ in rounds:
        if alive > 1 or round_.last:
            wholes += alive * (seeds if round_.last else 1) * round_.share
        alive = (alive + 1) // 2
    return _LEARNING * minutes * workers / wholes


_LEARNING = 0.75  # of the time; the rest is for starts, exports, measuring, and workers that wait for the last one
