"""How far probabilities can be trusted, as a picture: what was said against what was seen."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lineproof.proof.point.calibration import ReliabilityRow, expected_calibration_error

_INK, _GRID, _MAIN = "#333333", "#dddddd", "#4477aa"


def reliability_figure(rows: tuple[ReliabilityRow, ...], title: str) -> Figure:
    """The share of bad parts in each bin with its exact 95 % interval, above the number of parts in it.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("rows: nothing to draw")
    figure = Figure(figsize=(6, 6.4), dpi=110, layout="constrained")
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    _draw_curve(curve, rows)
    _draw_counts(counts, rows)
    for axes in (curve, counts):
        axes.set_xlim(-0.02, 1.02)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=_GRID)
        axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _draw_curve(axes: Axes, rows: tuple[ReliabilityRow, ...]) -> None:
    said, seen = [row.said for row in rows], [row.seen for row in rows]
    below = [row.seen - row.interval.low for row in rows]
    above = [row.interval.high - row.seen for row in rows]
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", label="said = seen")
    axes.errorbar(
        said,
        seen,
        yerr=[below, above],
        fmt="o",
        markersize=5,
        capsize=3,
        color=_MAIN,
        label="seen, exact 95 % interval",
    )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share that was bad", color=_INK)
    axes.set_title(
        f"expected calibration error {expected_calibration_error(rows):.3f}", loc="left", fontsize=10, color=_INK
    )


def _draw_counts(axes: Axes, rows: tuple[ReliabilityRow, ...]) -> None:
    widths = [row.high - row.low for row in rows]
    middles = [(row.low + row.high) / 2 for row in rows]
    axes.bar(middles, [row.parts for row in rows], width=[0.9 * width for width in widths], color=_MAIN, alpha=0.6)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("parts", color=_INK)
    axes.set_xlabel("probability of being bad, as said", color=_INK)
