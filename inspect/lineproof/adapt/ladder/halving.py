"""Successive halving: short schedules for all, longer ones for the better half, the whole one for the last.

Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization" (AISTATS), with
schedules that grow by the eta = 3 of Li et al. 2018, "Hyperband" (JMLR 18/185), who suggest 3 or 4.

What it costs, in whole schedules, for n candidates of which a half goes on each time: with lengths that double,
n/4 + n/2·1/2 + n/4·1 = 0.75 n; with lengths that triple, n/9 + n/2·1/3 + n/4·1 = 0.53 n. Halves are rounded up, so six
candidates cost 5 schedules of 6 when lengths double and 3.7 when they triple. Hyperband keeps a third as well, for 0.33 n:
a half is kept here, because a ninth of a schedule says little about two candidates that come out close.

Every trial also costs time beside learning. A short one is measured for its order alone, which took 8 to 15 s of a
processor core on 141 images of magnetic tile with masks, where sealing and measuring took 25 to 61: a third at most. There
are fewer than three short trials for each whole one that they save, so time beside learning is saved as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GROWTH = 3  # of schedules, from round to round
FINALISTS = 2  # at least: a last round of one candidate compares nothing, and has nobody in reserve


@dataclass(frozen=True, slots=True)
class Round:
    """One pass over the candidates that are left."""

    number: int  # from 1
    of: int
    share: float  # of the whole schedule

    @property
    def last(self) -> bool:
        """The one with the whole schedule, all seeds, sealed bundles and the test split."""
        return self.number == self.of


def plan_rounds(asked: int, *, thirdings: int, candidates: int, seeds: int) -> tuple[Round, ...]:
    """Rounds that each drop somebody and together learn less than everyone in full; else one, with everyone in full.

    At most `asked`; `thirdings` is how often the shortest schedule can be cut to a third. Three candidates or fewer
    with one seed come out as one round: 3/3 + 2 whole schedules are three.
    """
    short = min(asked - 1, thirdings, _droppings(candidates))
    rounds = tuple(Round(i + 1, short + 1, float(GROWTH) ** (i - short)) for i in range(short + 1))
    return rounds if whole_schedules(rounds, candidates, seeds) < candidates * seeds else (Round(1, 1, 1.0),)


def why_one_round(*, thirdings: int, candidates: int) -> str:
    """Why a plan that asked for several rounds has one, for people."""
    if thirdings == 0:
        return "the shortest schedule cannot be cut to a third: everyone is trained in full"
    return f"with {candidates} candidates short schedules would save nothing: everyone is trained in full"


def trials_of(rounds: Sequence[Round], candidates: int, seeds: int) -> list[tuple[Round, int]]:
    """How many trials each round has when none fails: one seed for each candidate, in the last round all of them."""
    counts, alive = [], candidates
    for round_ in rounds:
        counts.append((round_, alive * (seeds if round_.last else 1)))
        alive = _kept(alive)
    return counts


def whole_schedules(rounds: Sequence[Round], candidates: int, seeds: int) -> float:
    """What all trials learn together, in whole schedules."""
    return sum(count * round_.share for round_, count in trials_of(rounds, candidates, seeds))


def better_half(order: Sequence[str]) -> list[str]:
    """The first half of a ranking, the middle one included; never fewer than go into a last round."""
    return list(order[: _kept(len(order))])


def _kept(candidates: int) -> int:
    return min(candidates, max(FINALISTS, (candidates + 1) // 2))


def _droppings(candidates: int) -> int:
    """How many rounds drop somebody."""
    times = 0
    while (kept := _kept(candidates)) < candidates:
        times, candidates = times + 1, kept
    return times


@dataclass(frozen=True, slots=True)
class Pace:
    """What a candidate was measured to take, in seconds."""

    whole_s: float  # learning, its whole schedule
    rest_s: float | None  # start, export, measuring of a whole trial; None where it had none


def pace_of(trials: Sequence[tuple[float, float, float]]) -> Pace:
    """From (seconds in all, seconds of learning, share of the schedule) of a candidate's trials."""
    learning = sum(learnt for _, learnt, _ in trials)
    rest = [max(total - learnt, 0.0) for total, learnt, share in trials if share == 1]
    return Pace(learning / sum(share for _, _, share in trials), sum(rest) / len(rest) if rest else None)


def full_s(paces: Sequence[Pace], seeds: int) -> float:
    """An estimate of training every candidate in full, with every seed, one after the other.

    Who was only trained for a part is taken to need as long beside learning as those that were trained in full.
    """
    known = [pace.rest_s for pace in paces if pace.rest_s is not None]
    typical = sum(known) / len(known) if known else 0.0
    return sum(seeds * (pace.whole_s + (typical if pace.rest_s is None else pace.rest_s)) for pace in paces)


def minutes_each(minutes: float, rounds: Sequence[Round], candidates: int, seeds: int, workers: int) -> float:
    """How long one full training may learn, so that all trials of all rounds fit: the same for every candidate."""
    return _LEARNING * minutes * workers / whole_schedules(rounds, candidates, seeds)


_LEARNING = 0.75  # of the time; the rest is for starts, exports, measuring, and workers that wait for the last one
