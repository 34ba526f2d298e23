"""Accuracy against latency as a picture."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lineproof.adapt.ladder.ladder import Comparison, Row
from lineproof.atomic import write_bytes

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")


def draw_ladder(path: Path, comparison: Comparison, latency_ms: float | None = None) -> None:
    """Candidates with their 95 % interval over parts; hollow: after a shorter schedule. A PNG written atomically."""
    rows = [row for row in comparison.rows if row.standing is not None and row.latency is not None]
    figure = Figure(figsize=(10, 1.6 + max(3.6, 0.34 * len(rows))), layout="constrained")
    axes = figure.subplots()
    rungs = list(dict.fromkeys(row.candidate.rung for row in comparison.rows))
    for row in rows:
        _draw(axes, comparison, row, _COLOURS[rungs.index(row.candidate.rung) % len(_COLOURS)])
    if latency_ms is not None:
        axes.axvline(latency_ms, color="tab:red", linestyle="--", linewidth=1, label=f"allowed: {latency_ms:g} ms")
    _dress(axes, comparison, rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_bytes(path, buffer.getvalue())


def _draw(axes: Axes, comparison: Comparison, row: Row, colour: str) -> None:
    if row.standing is None or row.latency is None:
        return
    mean = row.standing.mean
    low, high = row.standing.interval or (mean, mean)
    whole = row.round is not None and row.round.last
    place = comparison.rows.index(row) + 1
    seeds = "" if row.standing.seed_error is None else f" ± {row.standing.seed_error:.2g} (seeds)"
    axes.errorbar(
        row.latency.median_ms,
        mean,
        yerr=[[max(mean - low, 0)], [max(high - mean, 0)]],
        fmt="o",
        color=colour,
        markerfacecolor=colour if whole else "white",
        markersize=8 if row is comparison.best else 6,
        elinewidth=1.2 if whole else 0.7,
        capsize=3,
        alpha=1 if whole else 0.6,
        label=f"{place}  {row.candidate.label}{_part(row)}{seeds}",
    )
    axes.annotate(
        str(place), (row.latency.median_ms, mean), xytext=(6, 4), textcoords="offset points", fontsize=9, color=colour
    )


def _part(row: Row) -> str:
    """Said of those that were not trained in full."""
    return "" if row.round is None or row.round.last else f", 1/{round(1 / row.round.share)} of the schedule"


def _dress(axes: Axes, comparison: Comparison, rows: list[Row]) -> None:
    axes.set_xlabel("latency: image to detections, median in ms, on this machine")
    better = "lower is better" if comparison.criterion.low_is_good else "higher is better"
    axes.set_ylabel(f"{comparison.criterion.name} on validation ({better})")
    axes.set_title("bars: 95 % over parts of the same kind; hollow: after a shorter schedule", fontsize=10)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    if rows:
        longest = max(row.latency.median_ms for row in rows if row.latency is not None)
        axes.set_xlim(0, 1.1 * longest)
        tops = [max(row.standing.interval or (row.standing.mean,)) for row in rows if row.standing is not None]
        top = max(1e-9, 1.08 * max(tops))
        costs = comparison.criterion.costs
        if costs is not None:
            without = min(costs.pass_all, costs.reject_all)
            axes.axhline(without, color="grey", linestyle=":", linewidth=1, label=f"without a model: {without:.3g}")
            top = max(top, 1.08 * without)
        axes.set_ylim(0, top)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
