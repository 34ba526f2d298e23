"""The comparison itself: rounds of trials, the better half goes on, the last ones are ranked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.ladder.cost import check_both_kinds
from lineproof.adapt.ladder.figures import TrialResult, read_result
from lineproof.adapt.ladder.halving import FINALISTS, Round, better_half, full_s, pace_of
from lineproof.adapt.ladder.plan import Limits, Plan
from lineproof.adapt.ladder.ranking import Criterion, Difference, Standing, difference, rank, standing
from lineproof.adapt.ladder.runner import Runner, Show
from lineproof.adapt.latency import Latency
from lineproof.errors import GateError, InputError

Fate = Literal["ranked", "halved", "slow", "failed", "unfinished"]
Clocked = Callable[[Mapping[str, TrialResult]], Mapping[str, Latency]]  # trials by candidate → latency, in turns


@dataclass(slots=True, eq=False)
class Row:
    """One candidate, as far as it came."""

    candidate: Candidate
    fate: Fate = "unfinished"
    reason: str = ""
    round: Round | None = None
    results: dict[int, TrialResult] = field(default_factory=dict)  # by seed, of that round
    standing: Standing | None = None
    test: Standing | None = None
    latency: Latency | None = None
    behind: Difference | None = None  # the best minus this one; where both came as far and their spread is known

    @property
    def tied(self) -> bool:
        """Whether these parts and seeds cannot tell it from the best."""
        return self.behind is not None and not self.behind.told


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What came out; rows with the best first."""

    rows: tuple[Row, ...]
    criterion: Criterion
    spent_s: float  # all trials, one after the other
    full_s: float  # estimate: every candidate in full, with every seed
    wall_s: float  # of this sitting
    complete: bool  # False: out of time before the last round

    @property
    def best(self) -> Row:
        """The recommendation."""
        return self.rows[0]


def compare(
    plan: Plan, out: Path, criterion: Criterion, limits: Limits, runner: Runner, show: Show, clocked: Clocked
) -> Comparison:
    """Train, halve, rank; finished trials of an earlier sitting are taken as they are.

    Raises:
        GateError: no candidate could be trained, or none is fast enough.
        InputError: it is to be ranked by what cannot be measured.
    """
    return _Ladder(plan, out, criterion, limits, runner, show, clocked).climb()


class _Ladder:
    def __init__(
        self,
        plan: Plan,
        out: Path,
        criterion: Criterion,
        limits: Limits,
        runner: Runner,
        show: Show,
        clocked: Clocked,
    ) -> None:
        self._plan, self._out, self._criterion, self._limits = plan, out, criterion, limits
        self._runner, self._show, self._clocked = runner, show, clocked
        self._rows = {candidate.key: Row(candidate) for candidate in plan.candidates}
        self._taken: dict[str, list[tuple[float, float, float]]] = {}
        self._started_s = time.monotonic()
        self._until_s = None if limits.minutes is None else self._started_s + 60 * limits.minutes

    def climb(self) -> Comparison:
        alive = list(self._rows)
        complete = False
        if self._plan.why_not_halved is not None:
            self._show.say(self._plan.why_not_halved)
        for round_ in self._plan.planned_rounds():
            if len(alive) <= FINALISTS and not round_.last:
                continue  # nobody would be dropped: the whole schedule comes next
            order = self._round(round_, alive)
            complete = round_.last and bool(order)
            if not order or round_.last or self._out_of_time():
                break
            alive = better_half(order)
            for key in order[len(alive) :]:
                self._rows[key].fate, self._rows[key].reason = (
                    "halved",
                    f"not in the better half of round {round_.number}",
                )
            self._say_halved(round_, alive, order)
        self._ask_for_someone()
        return self._comparison(complete=complete)

    def _round(self, round_: Round, alive: Sequence[str]) -> list[str]:
        """Train one round; returns who came through it, the best first."""
        seeds = self._plan.seeds if round_.last else self._plan.seeds[:1]
        length = "the whole schedule" if round_.share == 1 else f"1/{round(1 / round_.share)} of the schedule"
        self._show.say(f"round {round_.number} of {round_.of}: {len(alive)} candidates, {length}")
        found = self._trials(round_, alive, seeds)
        through = [key for key in alive if self._take(round_, key, found[key])]
        if round_.last or self._limits.latency_ms is not None:
            through = self._fast_enough(through)
        by = self._criterion if round_.last else self._criterion.early([self._rows[key].results for key in through])
        standings = {key: s for key in through if (s := self._standing_by(by, key)) is not None}
        return rank(standings, low_is_good=by.low_is_good)

    def _standing_by(self, criterion: Criterion, key: str) -> Standing | None:
        if criterion is self._criterion:
            return self._rows[key].standing
        found = (criterion.score(result) for result in self._rows[key].results.values())
        return standing(key, [score for score in found if score is not None])

    def _trials(self, round_: Round, going: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[int, TrialResult]]:
        specs = {
            (key, seed): self._plan.spec(self._out, key, seed, round_.share, last=round_.last)
            for seed in seeds
            for key in going
        }
        finished = {pair: r for pair, spec in specs.items() if (r := read_result(Path(spec.folder))) is not None}
        if finished:
            self._show.say(f"{len(finished)} of {len(specs)} trials of this round are finished already")
        todo = [pair for pair in specs if pair not in finished]
        fresh = self._runner.run([specs[pair] for pair in todo], self._show, self._until_s) if todo else []
        finished |= dict(zip(todo, fresh, strict=True))
        return {key: {seed: finished[key, seed] for seed in seeds} for key in going}

    def _take(self, round_: Round, key: str, results: dict[int, TrialResult]) -> bool:
        """Note a candidate's trials; False when one failed, was stopped, or has no figure to rank by."""
        row = self._rows[key]
        done = self._count(round_, key, results)
        bad = next((result for result in results.values() if result.status != "done"), None)
        if bad is not None:
            row.reason = bad.reason
            if bad.status == "failed":
                row.fate = "failed"
            return False  # one that was stopped keeps the figures of the round before, if it had any
        row.round, row.results = round_, results
        self._check_measurable(done[0])
        scores = [self._criterion.score(result) for result in done]
        if any(score is None for score in scores):
            row.fate, row.reason = "failed", f"has no {self._criterion.name}: rank by cost to compare it"
            return False
        row.standing = standing(key, [score for score in scores if score is not None])
        row.fate = "ranked"
        tests = [score for result in done if (score := self._criterion.score(result, "test")) is not None]
        row.test = standing(key, tests) if len(tests) == len(done) else None
        return True

    def _count(self, round_: Round, key: str, results: Mapping[int, TrialResult]) -> list[TrialResult]:
        """Note what the finished ones took; returns them."""
        done = [result for result in results.values() if result.status == "done"]
        self._taken.setdefault(key, []).extend((r.total_s, r.train_s, round_.share) for r in done)
        return done

    def _check_measurable(self, result: TrialResult) -> None:
        if self._criterion.costs is not None and result.val is not None:
            check_both_kinds(result.val.parts)

    def _fast_enough(self, through: Sequence[str]) -> list[str]:
        """Measure latencies in turns, with nothing else running; drop whoever is slower than allowed."""
        first = {key: next(iter(self._rows[key].results.values())) for key in through}
        for key, latency in self._clocked(first).items():
            self._rows[key].latency = latency
        limit = self._limits.latency_ms
        kept = []
        for key in through:
            row = self._rows[key]
            if limit is None or row.latency is None or row.latency.median_ms <= limit:
                kept.append(key)
                continue
            row.fate = "slow"
            row.reason = f"{row.latency.median_ms:.1f} ms is more than the {limit:g} ms allowed"
            self._show.say(f"{row.candidate.label}: dropped, {row.reason}")
        return kept

    def _out_of_time(self) -> bool:
        return self._until_s is not None and time.monotonic() > self._until_s

    def _say_halved(self, round_: Round, alive: Sequence[str], order: Sequence[str]) -> None:
        labels = ", ".join(self._rows[key].candidate.label for key in alive)
        self._show.say(f"round {round_.number}: {len(alive)} of {len(order)} go on: {labels}")

    def _ask_for_someone(self) -> None:
        """Raise GateError when nobody can be recommended."""
        rows = self._rows.values()
        if any(row.standing is not None and row.fate in ("ranked", "halved") for row in rows):
            return
        if all(row.fate == "slow" for row in rows if row.standing is not None) and any(r.standing for r in rows):
            fastest = min(row.latency.median_ms for row in rows if row.latency is not None)
            raise GateError(
                f"no candidate takes at most {self._limits.latency_ms:g} ms: the fastest takes {fastest:.1f} ms",
                hint="a smaller --imgsz, a smaller base, or more time",
            )
        if all(row.fate == "unfinished" for row in rows):
            raise GateError("out of time before any trial ended", hint="call again with more --minutes: it goes on")
        reasons = "; ".join(sorted({row.reason for row in rows if row.reason}))[:400]
        raise GateError(f"no candidate could be trained: {reasons}")

    def _comparison(self, *, complete: bool) -> Comparison:
        rows = sorted(self._rows.values(), key=self._place)
        best = rows[0]
        if best.standing is None:
            raise InputError("nothing to recommend")  # ruled out by _ask_for_someone
        for row in rows[1:]:
            if row.standing is None or row.round != best.round or row.fate != "ranked":
                continue
            if best.standing.interval is not None and row.standing.interval is not None:
                row.behind = difference(best.standing, row.standing)
        paces = [pace_of(trials) for trials in self._taken.values() if trials]
        return Comparison(
            rows=tuple(rows),
            criterion=self._criterion,
            spent_s=sum(total for trials in self._taken.values() for total, _, _ in trials),
            full_s=full_s(paces, len(self._plan.seeds)),
            wall_s=time.monotonic() - self._started_s,
            complete=complete,
        )

    def _place(self, row: Row) -> tuple[int, int, float]:
        """Who came furthest first, then the better figure; slow and failed ones at the end."""
        if row.standing is None or row.fate not in ("ranked", "halved"):
            return (1 if row.fate == "slow" else 2), 0, 0.0
        reached = row.round.number if row.round else 0
        return 0, -reached, row.standing.mean if self._criterion.low_is_good else -row.standing.mean
