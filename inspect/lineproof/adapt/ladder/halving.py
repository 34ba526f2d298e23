"""Successive halving: short schedules for all, longer ones for the better half, the whole one for the last.

Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def epochs(self, whole: int) -> int:
        """Length of a candidate's schedule in this round."""
        return max(1, round(whole * self.share))


def plan_rounds(epochs: int, rounds: int) -> tuple[Round, ...]:
    """At most `rounds`, each twice as long as the one before; fewer where one would be shorter than an epoch."""
    useful = 1
    while useful < rounds and epochs >= 2**useful:
        useful += 1
    return tuple(Round(i + 1, useful, 2.0 ** (i + 1 - useful)) for i in range(useful))


def time_share(rounds: Sequence[Round], alive: int, seeds: int) -> float:
    """The first of these rounds' share of the time that is left for all of them."""
    weights = []
    for round_ in rounds:
        weights.append(alive * (seeds if round_.last else 1) * round_.share)
        alive = (alive + 1) // 2
    return weights[0] / sum(weights)


def better_half(order: Sequence[str]) -> list[str]:
    """The first half of a ranking, the middle one included; never nobody."""
    return list(order[: max(1, (len(order) + 1) // 2)])


@dataclass(frozen=True, slots=True)
class Pace:
    """What a candidate was measured to take."""

    epoch_s: float
    rest_s: float  # start, export, measuring

    def takes_s(self, epochs: int) -> float:
        """One trial of so many epochs."""
        return self.rest_s + epochs * self.epoch_s


def full_s(paces: Mapping[str, Pace], epochs: Mapping[str, int], seeds: int) -> float:
    """An estimate of training every candidate in full, with every seed, one after the other."""
    return sum(seeds * pace.takes_s(epochs[key]) for key, pace in paces.items())


def fit_epochs(wanted: Mapping[str, int], paces: Mapping[str, Pace], trials_each: int, left_s: float) -> dict[str, int]:
    """Schedules cut by one factor so that a round fits the seconds left, which are of all workers together."""
    rest = sum(trials_each * paces[key].rest_s for key in wanted)
    learning = sum(trials_each * epochs * paces[key].epoch_s for key, epochs in wanted.items())
    factor = 1.0 if learning <= 0 else min(1.0, max(left_s - rest, 0.0) / learning)
    return {key: int(epochs * factor) for key, epochs in wanted.items()}


def epochs_in(seconds: float, pace: Pace, wanted: int) -> int:
    """As many epochs as one candidate's own time allows, at most those wanted."""
    return min(wanted, max(0, int((seconds - pace.rest_s) / max(pace.epoch_s, 1e-9))))
