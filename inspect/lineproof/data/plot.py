"""A dataset in one picture: counts, box sizes, areas; needs matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineproof.atomic import write_bytes
from lineproof.data.palette import class_colour
from lineproof.data.stats import Stats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPLIT_ALPHA = {"train": 1.0, "val": 0.6, "test": 0.35, "(none)": 1.0}
_INK, _GRID = "#333333", "#dddddd"


def write_plot(path: Path, stats: Stats, title: str) -> None:
    """Write a PNG with three panels, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)  # draws without a display
    counts, sizes, areas = figure.subplots(1, 3)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    _draw_counts(counts, stats)
    _draw_sizes(sizes, stats)
    _draw_areas(areas, stats)
    for axes in (counts, sizes, areas):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _draw_counts(axes: Axes, stats: Stats) -> None:
    """Instances of each class, its splits side by side in one bar."""
    places = np.arange(len(stats.classes))
    left = np.zeros(len(stats.classes))
    for split, entry in stats.splits.items():
        widths = np.array(list(entry.instances.values()))
        colours = [(*_rgb(i), _SPLIT_ALPHA[split]) for i in range(len(stats.classes))]
        axes.barh(places, widths, left=left, color=colours, edgecolor="white", linewidth=0.8)
        left += widths
    for place, total in zip(places, left, strict=True):
        axes.text(float(total), float(place), f" {total:.0f}", va="center", color=_INK, fontsize=9)
    axes.set_yticks(places, stats.classes)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1, left.max()) * 1.15)
    good = sum(entry.ok_images for entry in stats.splits.values())
    axes.set_title(f"instances ({' | '.join(stats.splits)}); {good} good parts", fontsize=10, color=_INK)
    axes.grid(axis="x", color=_GRID)


def _draw_sizes(axes: Axes, stats: Stats) -> None:
    """Width and height of every box."""
    order = np.random.default_rng(0).permutation(len(stats.class_id))  # no class hides the others
    colours = np.array([_rgb(int(i)) for i in stats.class_id[order]]).reshape(-1, 3)
    width, height = np.maximum(stats.box_wh[order], 0.5).T
    axes.scatter(width, height, s=9, c=colours, alpha=0.6, linewidths=0)
    if not len(order):
        axes.set(xlim=(1, 64), ylim=(1, 64))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("width, px", color=_INK)
    axes.set_ylabel("height, px", color=_INK)
    axes.set_title("box sizes", fontsize=10, color=_INK)
    axes.grid(color=_GRID)


def _draw_areas(axes: Axes, stats: Stats) -> None:
    """Area of a defect as a share of the image, by class."""
    percent = [np.maximum(stats.area_share[stats.class_id == i] * 100, 1e-3) for i in range(len(stats.classes))]
    shown = [(place, values) for place, values in enumerate(percent) if len(values)]
    if shown:
        boxes = axes.boxplot(
            [values for _, values in shown],
            positions=[place for place, _ in shown],
            orientation="horizontal",
            patch_artist=True,
            widths=0.6,
            flierprops={"markersize": 3, "markeredgecolor": "#999999"},
            medianprops={"color": _INK},
        )
        for (place, _), box in zip(shown, boxes["boxes"], strict=True):
            box.set(facecolor=_rgb(place), alpha=0.8, linewidth=0.8)
    else:
        axes.set_xlim(0.01, 100)
    axes.set_yticks(np.arange(len(stats.classes)), stats.classes)
    axes.set_ylim(len(stats.classes) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("% of the image", color=_INK)
    axes.set_title("defect area", fontsize=10, color=_INK)
    axes.grid(axis="x", color=_GRID)


def _rgb(class_id: int) -> tuple[float, float, float]:
    blue, green, red = class_colour(class_id)
    return red / 255, green / 255, blue / 255
