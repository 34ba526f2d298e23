"""A report as JSON, and as the answer to a budget."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from lineproof.bench.measure import Report
from lineproof.bench.race import Race, Row

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """One way to run the bundle, beside the budget."""

    name: str
    threads: int
    p99_ms: float
    holds: bool


def budget_answers(report: Report, budget_ms: float) -> list[BudgetAnswer]:
    """Every way lineproof ran here, fastest first."""
    answers = [
        BudgetAnswer(row.name, race.threads, row.spread.p99_ms, holds=row.spread.p99_ms <= budget_ms)
        for race in report.races
        for row in race.rows
        if row.role == "lineproof" and row.spread is not None
    ]
    return sorted(answers, key=lambda answer: answer.p99_ms)


def as_dict(report: Report) -> dict[str, object]:
    """Everything, rounded to what was measured."""
    settings = report.settings
    return {
        "schema_version": SCHEMA_VERSION,
        "what": "milliseconds per frame, end to end; ratios are medians over interleaved rounds",
        "date": report.date,
        "machine": report.machine,
        "versions": report.versions,
        "bundle": report.subject,
        "frame": report.frame,
        "rounds": settings.rounds,
        "calls_per_round": settings.calls,
        "seed": settings.seed,
        "races": [race_dict(race) for race in report.races],
    }


def race_dict(race: Race) -> dict[str, object]:
    """One race."""
    unrest = None if race.unrest is None else round(race.unrest, 3)
    return {"threads": race.threads, "floor_unrest": unrest, "rows": [_row_dict(row) for row in race.rows]}


def _row_dict(row: Row) -> dict[str, object]:
    facts: dict[str, object] = {"name": row.name, "role": row.role, "floor": row.floor}
    if row.note:
        facts["note"] = row.note
    if row.spread is None:
        return facts | {"problem": row.problem}
    facts |= {"provider": row.provider, "precision": row.precision, "detections": row.detections}
    facts |= {name: round(value, 3) for name, value in asdict(row.spread).items()}
    facts["ratio"] = None if row.ratio is None else round(row.ratio.median, 3)
    facts["ratios"] = {
        name: {key: round(value, 3) for key, value in asdict(ratio).items()} for name, ratio in row.ratios.items()
    }
    facts["stages_ms"] = {name: round(value, 3) for name, value in row.stages_ms.items()}
    facts |= {"cpu_ms": round(row.cpu_ms, 2), "rss_mib": _rounded(row.rss_mib), "peak_mib": _rounded(row.peak_mib)}
    return facts


def _rounded(mib: float | None) -> float | None:
    return None if mib is None else round(mib, 1)
