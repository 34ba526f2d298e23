"""A campaign against a real line as a table, in words and as facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from lineproof.sim.faults import FAULTS
from lineproof.sim.live.campaign import Played
from lineproof.sim.live.controller import Fate
from lineproof.sim.live.oracle import Judgement
from lineproof.sim.live.plan import Plan
from lineproof.sim.scenario import FaultName

_SHOWN = 5  # of a list of findings, in words; the facts have all


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the records of the run."""

    rows: int
    images: int
    damages: tuple[str, ...] = ()
    replayed: int | None = None  # rows inspected again; None: not asked for
    different: tuple[str, ...] = ()  # rows that did not replay the same, and why


@dataclass(frozen=True, slots=True)
class Result:
    """Everything about one campaign."""

    line: str
    plan: Plan
    played: Played
    judged: Judgement
    kept: Kept
    not_driven: dict[str, str]  # station → why

    @property
    def safe(self) -> bool:
        """No finding, the records whole and as they were decided, and the line lived until it was told to end."""
        whole = not self.kept.damages and not self.kept.different
        return self.judged.safe and whole and not self.played.ended_early and self.played.stopped_well


def table_of(result: Result) -> Table:
    """Fault | done | answers seen | passed | wrong | back in."""
    table = Table(title=f"{result.line}: {len(result.played.fates)} parts in real time", title_justify="left")
    for column in ("", "fault", "done", "answers seen", "passed", "wrong", "back in"):
        table.add_column(column, justify="left" if column in ("", "fault", "answers seen") else "right")
    for name, tally in result.played.faults.items():
        hit = [fate for fate in result.played.fates if fate.fault == name]
        wrong = _wrong(result, name)
        table.add_row(
            FAULTS[name].number,
            name.replace("_", " "),
            str(tally.done),
            ", ".join(f"{count} {answer}" for answer, count in _answers(hit).most_common()),
            str(sum(fate.passed for fate in hit)),
            str(wrong),
            "never" if tally.not_back else f"{tally.back_ms / 1000:.1f} s" if tally.back_ms else "–",
            style="red" if wrong else None,
        )
    return table


def words_of(result: Result) -> str:
    """The result in a few lines."""
    fates, judged = result.played.fates, result.judged
    passed = sum(fate.passed for fate in fates)
    counted = f"{passed} let through, {len(fates) - passed} ejected; answers: {_counted(judged.outcomes)}"
    lines = [f"{len(fates)} parts in {result.played.seconds:.0f} s: {counted}"]
    if judged.safe:
        lines.append("every part that was let through is recorded as PASS in every view; no trigger has two answers")
    lines += _findings("WRONG PASS", [words for _, words in judged.wrong_pass])
    lines += _findings("READ OTHERWISE", judged.contradicted)
    lines += _findings("ANSWERED TWICE", judged.answered_twice)
    lines += _findings("UNANSWERED", judged.unanswered)
    lines += _findings("NOT ONE FATE", judged.fates)
    lines += _findings("records lost with the killed process, just answered", judged.lost_with_kill)
    if judged.good_passed + judged.good_rejected + judged.bad_rejected + len(judged.escapes):
        lines.append(
            f"the model: {judged.good_passed} good parts passed, {judged.good_rejected} were ejected; "
            f"{judged.bad_rejected} bad ones were ejected, {len(judged.escapes)} escaped"
        )
    lines += [_kept_words(result.kept)]
    lines += _findings("DAMAGED", result.kept.damages)
    lines += _findings("REPLAYS OTHERWISE", result.kept.different)
    lines += [f"THE LINE ENDED BY ITSELF: {result.played.ended_early}"] if result.played.ended_early else []
    lines += [] if result.played.stopped_well else ["THE LINE DID NOT END WHEN IT WAS TOLD TO, and was killed"]
    if result.plan.not_done:
        lines.append(f"not done to a real line, only in simulated time: {', '.join(result.plan.not_done)}")
    lines += [f"station {name} was not driven: it {why}" for name, why in result.not_driven.items()]
    return "\n".join(lines)


def facts_of(result: Result) -> dict[str, Any]:
    """For JSON."""
    fates, judged, played = result.played.fates, result.judged, result.played
    return {
        "line": result.line,
        "safe": result.safe,
        "scenario": result.plan.scenario.name,
        "seed": result.plan.scenario.seed,
        "pitch_ms": result.plan.pitch_ms,
        "stations": {
            name: {"views": [camera.view for camera in station.cameras], "deadline_ms": station.deadline_ms}
            for name, station in result.plan.stations.items()
        },
        "not_driven": result.not_driven,
        "seconds": round(played.seconds, 1),
        "parts": len(fates),
        "let_through": sum(fate.passed for fate in fates),
        "ejected": sum(not fate.passed for fate in fates),
        "answers": dict(judged.outcomes.most_common()),
        "answer_ms": _spread(judged.latencies_ms),
        "controller_ms": _spread([(fate.at_ns - fate.offered_ns) / 1e6 for fate in fates if fate.read is not None]),
        "wrong_pass": [words for _, words in judged.wrong_pass],
        "read_otherwise": judged.contradicted,
        "answered_twice": judged.answered_twice,
        "unanswered": judged.unanswered,
        "not_one_fate": judged.fates,
        "record_lost_with_kill": judged.lost_with_kill,
        "model": {
            "good_passed": judged.good_passed,
            "good_ejected": judged.good_rejected,
            "bad_ejected": judged.bad_rejected,
            "escapes": judged.escapes,
            "unknown": judged.unknown,
        },
        "records": {
            "rows": result.kept.rows,
            "images": result.kept.images,
            "damages": list(result.kept.damages),
            "replayed": result.kept.replayed,
            "replayed_otherwise": list(result.kept.different),
        },
        "ended_early": played.ended_early or None,
        "stopped_well": played.stopped_well,
        "faults": {name: _fault_facts(result, name) for name in played.faults},
        "not_done": list(result.plan.not_done),
    }


def _fault_facts(result: Result, name: FaultName) -> dict[str, Any]:
    hit = [fate for fate in result.played.fates if fate.fault == name]
    tally = result.played.faults[name]
    return {
        "number": FAULTS[name].number,
        "safe_behaviour": FAULTS[name].safe,
        "done": tally.done,
        "held_back": tally.not_done,
        "parts": len(hit),
        "answers": dict(_answers(hit).most_common()),
        "let_through": sum(fate.passed for fate in hit),
        "wrong_pass": _wrong(result, name),
        "inspected_again_within_ms": round(tally.back_ms) or None,
        "not_back": tally.not_back,
    }


def _wrong(result: Result, name: FaultName) -> int:
    return sum(fate.fault == name for fate, _ in result.judged.wrong_pass)


def _answers(fates: Sequence[Fate]) -> Counter[str]:
    return Counter("none in time" if fate.read is None else fate.read.value for fate in fates)


def _counted(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"


def _findings(what: str, found: Sequence[str]) -> list[str]:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{what}: {'; '.join(found[:_SHOWN])}{more}"] if found else []


def _kept_words(kept: Kept) -> str:
    whole = "all whole" if not kept.damages else f"{len(kept.damages)} damaged"
    again = "" if kept.replayed is None else f"; {kept.replayed} inspected again, {len(kept.different)} differ"
    return f"records: {kept.rows} rows, {kept.images} pictures, {whole}{again}"


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "max": round(max(values), 2)}
