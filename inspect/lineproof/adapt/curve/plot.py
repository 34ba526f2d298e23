"""The curve as a picture: runs, the law with its band, what is predicted; and every class."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from lineproof.adapt.curve.report import StudyReport
from lineproof.atomic import write_bytes
from lineproof.data.palette import class_colour

_INK, _MAIN, _BAND = "#333333", "tab:blue", 0.18
_ROOM_BELOW = 0.12  # of the axis: two lines of text
_SHOWN_CLASSES = 12  # more lines are no picture; the JSON has them all


def draw_study(path: Path, report: StudyReport, title: str) -> None:
    """Overall on the left, classes on the right; a PNG written atomically."""
    figure = Figure(figsize=(12, 4.8), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    _draw_overall(left, report)
    _draw_classes(right, report)
    ticks = sorted({*report.sizes, *report.asked})
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("training images")
        axes.set_ylim(0, 1)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(framealpha=0.8, edgecolor="none", fontsize=8, loc="best")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _grid(report: StudyReport) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    ends = [*report.sizes, *report.asked]
    grid: np.ndarray[tuple[int], np.dtype[np.float64]] = np.geomspace(min(ends), max(ends) * 1.1, 80)
    return grid


def _draw_overall(axes: Axes, report: StudyReport) -> None:
    runs = report.runs
    axes.scatter([r.images for r in runs], [r.value or 0.0 for r in runs], s=22, color=_INK, zorder=3, label="runs")
    axes.set_ylabel(runs[0].figure)
    if not report.overall.fitted:
        axes.set_title(f"no curve: {report.overall.why_not}", fontsize=10, color=_INK)
        return
    grid = _grid(report)
    low, middle, high = report.overall.line(grid)
    axes.plot(grid, middle, color=_MAIN, label="a − b·n^−c")
    axes.fill_between(grid, low, high, color=_MAIN, alpha=_BAND, linewidth=0, label="90 % of runs")
    for said in report.predictions:
        axes.errorbar(
            said.images,
            said.expected,
            yerr=[[said.expected - said.interval.low], [said.interval.high - said.expected]],
            fmt="D",
            markersize=5,
            color="tab:orange",
            capsize=4,
            zorder=4,
        )
        text = f"{said.expected:.2f}\n{said.interval.low:.2f}–{said.interval.high:.2f}"
        below = said.interval.low > _ROOM_BELOW
        axes.annotate(
            text,
            (said.images, said.interval.low if below else said.interval.high),
            xytext=(0, -6 if below else 6),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=8,
            color=_INK,
        )
    axes.set_title("all classes", fontsize=10, color=_INK)


def _draw_classes(axes: Axes, report: StudyReport) -> None:
    grid = _grid(report)
    for class_id, (name, curve) in enumerate(list(report.per_class.items())[:_SHOWN_CLASSES]):
        blue, green, red = class_colour(class_id)
        colour = (red / 255 * 0.85, green / 255 * 0.85, blue / 255 * 0.85)
        axes.scatter([p.images for p in curve.points], [p.value for p in curve.points], s=10, color=colour, alpha=0.6)
        if curve.fitted:
            axes.plot(grid, curve.line(grid)[1], color=colour, label=name)
    axes.set_title("AP50 of each class", fontsize=10, color=_INK)
