"""What a comparison says: plain sentences about who is better, by how much, and what cannot be told."""

from __future__ import annotations

from lineproof.adapt.ladder.cost import at_shift, cheapest, shifted
from lineproof.adapt.ladder.figures import SplitFigures
from lineproof.adapt.ladder.ladder import Comparison, Row


def sentences(comparison: Comparison) -> list[str]:
    """Recommendation, ties, test, operating point, costs without a model, time saved."""
    lines = [f"recommended: {comparison.best.candidate.label}"]
    if not comparison.complete:
        lines.append("the whole schedule was not reached: call again with more time, finished trials are kept")
    return [
        *lines,
        *_ties(comparison),
        *_operating_point(comparison),
        *_test(comparison),
        *_without_model(comparison),
        *_time(comparison),
    ]


def amount(comparison: Comparison, value: float) -> str:
    """A cost with three digits, mAP with three decimals."""
    return f"{value:.3g}" if comparison.criterion.low_is_good else f"{value:.3f}"


def _ties(comparison: Comparison) -> list[str]:
    figures = _figures(comparison.best)
    parts = "these parts" if figures is None else f"these {figures.images} parts of {figures.groups} groups"
    if figures is not None and figures.images == figures.groups:
        parts = f"these {figures.images} parts"
    lines = []
    for row in comparison.rows[1:]:
        if row.behind is None:
            continue
        gap = f"{amount(comparison, abs(row.behind.mean))} ± {amount(comparison, row.behind.error)}"
        if row.tied:
            quicker = _quicker(comparison.best, row)
            lines.append(f"{row.candidate.label} cannot be told apart from it on {parts} (difference {gap}){quicker}")
        else:
            lines.append(f"{row.candidate.label} is worse by {gap}")
    finalists = sum(row.round == comparison.best.round and row.fate == "ranked" for row in comparison.rows)
    if finalists == 1 and len(comparison.rows) > 1:
        lines.append("it alone was trained this far; the others were left behind after shorter schedules")
    return lines


def _quicker(best: Row, row: Row) -> str:
    if best.latency is None or row.latency is None or row.latency.median_ms > 0.9 * best.latency.median_ms:
        return ""
    return f", and is quicker: {row.latency.median_ms:.1f} ms instead of {best.latency.median_ms:.1f}"


def _operating_point(comparison: Comparison) -> list[str]:
    costs, figures = comparison.criterion.costs, _figures(comparison.best)
    if costs is None or figures is None:
        return []
    result = next(iter(comparison.best.results.values()))
    point = cheapest(figures.parts, costs)
    thresholds = ", ".join(f"{name} {shifted(t, point.shift):.2f}" for name, t in result.thresholds.items())
    bad, good = sum(figures.parts.bad), len(figures.parts.bad) - sum(figures.parts.bad)
    counts = f"{point.escapes} of {bad} bad parts pass, {point.overkill} of {good} good ones are rejected"
    return [
        f"cheapest operating point on validation: {counts}, with score thresholds {thresholds}",
        "it was chosen on the parts it is measured on, so expect a little more",
    ]


def _test(comparison: Comparison) -> list[str]:
    row = comparison.best
    if row.test is None:
        return []
    figure = amount(comparison, row.test.mean)
    if row.test.interval is not None:
        low, high = row.test.interval
        figure += f" (95 %: {amount(comparison, low)} – {amount(comparison, high)})"
    result = next(iter(row.results.values()))
    if result.test is None or result.val is None:
        return []
    counts = ""
    if comparison.criterion.costs is not None:
        costs = comparison.criterion.costs
        point = at_shift(result.test.parts, costs, cheapest(result.val.parts, costs).shift)
        bad, good = sum(result.test.parts.bad), len(result.test.parts.bad) - sum(result.test.parts.bad)
        counts = f": {point.escapes} of {bad} bad parts pass, {point.overkill} of {good} good ones are rejected"
    return [f"on the test split, which chose nothing: {comparison.criterion.name} {figure}{counts}"]


def _without_model(comparison: Comparison) -> list[str]:
    costs, best = comparison.criterion.costs, comparison.best.standing
    if costs is None or best is None:
        return []
    line = f"without a model: {costs.pass_all:.3g} per part if all pass, {costs.reject_all:.3g} if all are rejected"
    if best.mean >= min(costs.pass_all, costs.reject_all):
        line += " – no candidate is worth its inspection at these costs"
    return [line]


def _time(comparison: Comparison) -> list[str]:
    spent, full = comparison.spent_s, comparison.full_s
    line = f"trials took {_duration(spent)} one after the other"
    if full > spent * 1.01:
        line += f"; all candidates in full would have taken about {_duration(full)}: {1 - spent / full:.0%} saved"
    return [line]


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.1f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _figures(row: Row) -> SplitFigures | None:
    return next(iter(row.results.values())).val if row.results else None
