"""The probability of detection in one picture, readable in black and white print; needs matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from lineproof.proof.intervals import clopper_pearson
from lineproof.proof.pod.curve import PROBABILITY
from lineproof.proof.pod.logistic import HitMiss
from lineproof.proof.pod.probability import Pod

F64 = NDArray[np.float64]

_INK, _BAND, _GRID, _FAINT = "#222222", "#d0d0d0", "#e8e8e8", "#777777"
_PANEL = 5.2, 4.3  # inches
_WORDS = 74  # characters on a line below a panel
_BINS, _LEAST_IN_BIN = 8, 5
_MANY = 300  # defects whose marks are drawn smaller
_A90_95 = "a90/95"
_SIZES = ("a50", "a90")  # labels of the panels' own legends
_HITS_AT, _MISSES_AT, _JITTER = 1.09, -0.09, 0.035  # beside the curve, not on it


class Bin(NamedTuple):
    """Defects of similar size."""

    size: float  # median
    hits: int
    defects: int


def pod_figure(pods: Sequence[Pod], title: str = "Probability of detection", *, beside: int = 3) -> Figure:
    """One panel for each kind of defect, at most so many beside each other.

    Raises:
        ValueError: nothing to draw.
    """
    if not pods:
        raise ValueError("pods: expected at least one")
    columns = min(beside, len(pods))
    rows = math.ceil(len(pods) / columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.4), dpi=110, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, pod in zip(panels, pods, strict=False):
        _draw(axes, pod)
    for axes in panels[len(pods) :]:
        axes.set_axis_off()
    handles = {
        label: handle
        for axes in panels[: len(pods)]
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        if not label.startswith(_SIZES)
    }
    if handles:
        figure.legend(
            handles.values(),
            handles,
            loc="outside lower left",
            ncols=3 if columns == 1 else 5,
            fontsize=8,
            frameon=False,
        )
    return figure


def size_bins(data: HitMiss) -> list[Bin]:
    """At most eight bins of about as many defects each, never fewer than five; one size is never divided."""
    size = np.repeat(data.x, data.trials.astype(np.int64))
    if size.size == 0:
        return []
    wanted = max(1, min(_BINS, size.size // _LEAST_IN_BIN))
    edges = np.unique(np.quantile(size, np.arange(1, wanted) / wanted, method="higher"))
    place = np.searchsorted(edges, data.x, side="right")
    bins = []
    for number in range(len(edges) + 1):
        rows = place == number
        count = int(data.trials[rows].sum())
        if count >= _LEAST_IN_BIN:
            middle = float(np.median(np.repeat(data.x[rows], data.trials[rows].astype(np.int64))))
            bins.append(Bin(middle, int(data.hits[rows].sum()), count))
    return bins


def _draw(axes: Axes, pod: Pod) -> None:
    _prepare(axes, pod)
    if not pod.data.x.size:
        return
    _draw_defects(axes, pod.data)
    _draw_rates(axes, pod.data)
    if pod.curve:
        _draw_curve(axes, pod)
        _mark_sizes(axes, pod)


def _prepare(axes: Axes, pod: Pod) -> None:
    hits, defects = pod.found.count, pod.found.of
    calls = f", {pod.false_calls.per_image:.2g} false calls an image" if pod.false_calls else ""
    axes.set_title(f"{pod.name}: {hits} of {defects} found{calls}", loc="left", fontsize=10, color=_INK, pad=20)
    axes.set_ylabel("probability of detection", color=_INK)
    axes.set_ylim(-0.16, 1.16)
    axes.set_yticks([0, 0.25, 0.5, 0.75, PROBABILITY, 1], ["0", "0.25", "0.5", "0.75", "0.9", "1"])
    if not pod.curve or pod.curve.scale == "ln a":
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    notes = [f"a90/95 not demonstrated: {pod.why_not}"] if pod.why_not else []
    lines = [line for note in (*notes, *pod.warnings) for line in textwrap.wrap(note, _WORDS)]
    axes.set_xlabel("\n".join([f"size, {pod.unit}", *lines]), color=_INK, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID)
    axes.set_axisbelow(True)


def _draw_defects(axes: Axes, data: HitMiss) -> None:
    """Every defect once, moved up or down by chance, so that none hides another."""
    rng = np.random.default_rng(0)
    area = 14 if data.trials.sum() < _MANY else 6
    for counts, level in ((data.hits, _HITS_AT), (data.trials - data.hits, _MISSES_AT)):
        size = np.repeat(data.x, counts.astype(np.int64))
        height = level + rng.uniform(-_JITTER, _JITTER, len(size))
        if level == _HITS_AT:
            axes.scatter(
                size, height, area, marker="o", linewidths=0.7, facecolors="none", edgecolors=_FAINT, label="found"
            )
        else:
            axes.scatter(size, height, area, marker="x", linewidths=0.7, c=_FAINT, label="missed")


def _draw_rates(axes: Axes, data: HitMiss) -> None:
    bins = size_bins(data)
    rate = np.array([b.hits / b.defects for b in bins])
    ends = np.array([clopper_pearson(b.hits, b.defects) for b in bins]).reshape(-1, 2)
    axes.errorbar(
        [b.size for b in bins],
        rate,
        yerr=np.abs(ends.T - rate),
        fmt="D",
        markersize=4,
        color=_FAINT,
        elinewidth=1,
        capsize=2.5,
        label="rate of similar sizes, 95 %",
    )


def _draw_curve(axes: Axes, pod: Pod) -> None:
    """The better curve; the band is the widest of all the curves that are open, as a90/95 is the largest of theirs."""
    curve = pod.curves[0]
    low, high = float(pod.data.x.min()), float(pod.data.x.max())
    size = np.geomspace(low, high, 300) if curve.scale == "ln a" else np.linspace(low, high, 300)
    bands = [each.band(size) for each in pod.curves]
    lower, upper = np.min([band[0] for band in bands], axis=0), np.max([band[1] for band in bands], axis=0)
    axes.fill_between(size, lower, upper, color=_BAND, linewidth=0, zorder=1.5)
    axes.plot(size, curve.probability(size), color=_INK, linewidth=1.8, label="POD, fitted", zorder=2.6)
    axes.plot(size, lower, color=_INK, linewidth=1, linestyle="--", label="lower 95 % bound", zorder=2.5)


def _mark_sizes(axes: Axes, pod: Pod) -> None:
    """a50, a90 and a90/95, named in a line under the title, where they hide nothing."""
    low, high = axes.get_xlim()
    smallest, largest = pod.data.x.min(), pod.data.x.max()
    named = []
    for name, value, height, marker, colour in (
        ("a50", pod.curves[0].size_at(0.5), 0.5, "o", "white"),
        ("a90", pod.curves[0].size_at(PROBABILITY), PROBABILITY, "s", "white"),
        (_A90_95, pod.a90_95, PROBABILITY, "^", _INK),
    ):
        label = f"{name} not demonstrated" if name == _A90_95 else f"{name} not tested"
        place: list[float] = []
        if value is not None and smallest <= value <= largest:
            label, place = f"{name} = {value:.3g} {pod.unit}", [value]
        axes.vlines(place, -0.16, height, color=_INK, linewidth=0.8, linestyle=":", zorder=2.7)
        named += axes.plot(
            place,
            [height] * len(place),
            marker=marker,
            color=colour,
            markeredgecolor=_INK,
            markersize=7,
            linestyle="none",
            zorder=3,
            label=label,
        )
    axes.set_xlim(low, high)
    axes.legend(
        handles=named,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        ncols=3,
        fontsize=8,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1,
    )
