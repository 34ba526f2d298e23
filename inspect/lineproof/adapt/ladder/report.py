"""The outcome as a table, as JSON, and as a picture's points."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from lineproof.adapt.ladder.cost import at_shift, cheapest, shifted
from lineproof.adapt.ladder.figures import SplitFigures, TrialResult
from lineproof.adapt.ladder.ladder import Comparison, Row
from lineproof.adapt.ladder.ranking import Difference, Standing
from lineproof.adapt.ladder.wording import amount, sentences
from lineproof.proof.rates import Rate


def table(comparison: Comparison) -> Table:
    """One line a candidate, the best first."""
    name = comparison.criterion.name
    lines = Table(title=f"ranked by {name} on validation", title_justify="left")
    for column in ("", "candidate", "schedule", name, "95 % (parts)", "± (seeds)", "escapes", "overkill", "ms", ""):
        lines.add_column(column, justify="left" if column in ("candidate", "") else "right")
    for place, row in enumerate(comparison.rows, 1):
        lines.add_row(*_cells(comparison, place, row), style=None if row.fate == "ranked" else "dim")
    return lines


def _cells(comparison: Comparison, place: int, row: Row) -> list[str]:
    ranked = row.standing is not None and row.fate in ("ranked", "halved")
    return [
        str(place) if ranked else "–",
        row.candidate.label,
        _length(row),
        amount(comparison, row.standing.mean) if row.standing else "–",
        _interval(comparison, row.standing),
        _error(comparison, row.standing),
        _count(comparison, row, "escapes"),
        _count(comparison, row, "overkill"),
        f"{row.latency.median_ms:.1f}" if row.latency else "–",
        "tied with the best" if row.tied else row.reason,
    ]


def _length(row: Row) -> str:
    """Of the trials its figures come from."""
    if row.round is None:
        return "–"
    return row.candidate.length(row.round.share)


def _interval(comparison: Comparison, standing: Standing | None) -> str:
    """Of the parts; a candidate that was only put in order has none."""
    interval = None if standing is None else standing.interval
    return "–" if interval is None else "–".join(amount(comparison, value) for value in interval)


def _error(comparison: Comparison, standing: Standing | None) -> str:
    error = None if standing is None else standing.seed_error
    return "–" if error is None else amount(comparison, error)


def _count(comparison: Comparison, row: Row, kind: str) -> str:
    """Over all seeds; at the cheapest operating point of each where costs are given, else at the sealed thresholds."""
    count = of = 0
    for result in row.results.values():
        if result.val is not None:
            sealed: tuple[int, int] = getattr(result.val, kind)
            costs = comparison.criterion.costs
            count += sealed[0] if costs is None else getattr(cheapest(result.val.parts, costs), kind)
            of += sealed[1]
    return f"{count}/{of}" if of else "–"


def facts(comparison: Comparison) -> dict[str, Any]:
    """Everything, for results.json and --json."""
    costs = comparison.criterion.costs
    return {
        "ranked_by": comparison.criterion.name,
        "costs": None if costs is None else {"escape": costs.escape, "overkill": costs.overkill, "prior": costs.prior},
        "without_model": None if costs is None else {"pass_all": costs.pass_all, "reject_all": costs.reject_all},
        "complete": comparison.complete,
        "recommended": comparison.best.candidate.key,
        "candidates": [_row(comparison, row) for row in comparison.rows],
        "seconds": {
            "trials": round(comparison.spent_s, 1),
            "all_in_full_estimated": round(comparison.full_s, 1),
            "saved_share": round(1 - comparison.spent_s / comparison.full_s, 3) if comparison.full_s else None,
            "this_sitting": round(comparison.wall_s, 1),
        },
        "says": sentences(comparison),
    }


def _row(comparison: Comparison, row: Row) -> dict[str, Any]:
    candidate = row.candidate
    return {
        "key": candidate.key,
        "rung": candidate.rung,
        "base": candidate.base,
        "imgsz": candidate.imgsz,
        "task": candidate.task,
        "fate": row.fate,
        "reason": row.reason,
        "schedule": _length(row),
        "share": None if row.round is None else row.round.share,
        "validation": standing_facts(row.standing),
        "test": standing_facts(row.test),
        "behind_best": difference_facts(row.behind),
        "latency_ms": None if row.latency is None else {"median": row.latency.median_ms, "p99": row.latency.p99_ms},
        "seeds": {str(seed): _trial(comparison, result) for seed, result in row.results.items()},
    }


def standing_facts(standing: Standing | None) -> dict[str, Any] | None:
    """Mean, errors and interval of a candidate."""
    if standing is None:
        return None
    low, high = standing.interval or (None, None)
    return {
        "mean": standing.mean,
        "values": list(standing.values),
        "standard_error_seeds": standing.seed_error,
        "low": low,
        "high": high,
    }


def difference_facts(difference: Difference | None) -> dict[str, Any] | None:
    """Mean and standard error of a difference, and whether it can be told from nothing."""
    if difference is None:
        return None
    return {"mean": difference.mean, "standard_error": difference.error, "can_be_told": difference.told}


def _trial(comparison: Comparison, result: TrialResult) -> dict[str, Any]:
    told = result.model_dump(mode="json", exclude={"val", "test"})
    for name, figures in (("val", result.val), ("test", result.test)):
        told[name] = None if figures is None else _split(figures)
    costs = comparison.criterion.costs
    if costs is not None and result.val is not None:
        point = cheapest(result.val.parts, costs)
        told["operating_point"] = {name: round(shifted(t, point.shift), 4) for name, t in result.thresholds.items()}
        told["val"] |= {"at_operating_point": _point(result.val, point.cost, point.escapes, point.overkill)}
        if result.test is not None:
            there = at_shift(result.test.parts, costs, point.shift)
            told["test"] |= {"at_operating_point": _point(result.test, there.cost, there.escapes, there.overkill)}
    return told


def _split(figures: SplitFigures) -> dict[str, Any]:
    return {
        **figures.model_dump(mode="json", include={"images", "groups", "map50", "map50_95"}),
        "escapes": Rate(*figures.escapes).as_dict(),
        "overkill": Rate(*figures.overkill).as_dict(),
    }


def _point(figures: SplitFigures, cost: float, escapes: int, overkill: int) -> dict[str, Any]:
    return {
        "cost": cost,
        "escapes": Rate(escapes, figures.escapes[1]).as_dict(),
        "overkill": Rate(overkill, figures.overkill[1]).as_dict(),
    }
