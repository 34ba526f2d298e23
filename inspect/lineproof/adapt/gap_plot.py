"""Two sets of images as two clouds of points."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lineproof.atomic import write_bytes
from lineproof.data.gap import Gap

_A, _B, _INK = "#4477aa", "#ee7733", "#333333"  # told apart by most colour-blind people (Tol, "bright" and "vibrant")


def draw_plane(path: Path, gap: Gap, verdict: str) -> None:
    """Every image on the two widest axes of both sets, those of B outside ringed; a PNG written atomically."""
    figure = Figure(figsize=(8, 6), dpi=110, layout="constrained")
    axes = figure.subplots()
    points = np.concatenate([gap.plane_a, gap.plane_b])
    colours = np.array([_A] * len(gap.a) + [_B] * len(gap.b))
    order = np.random.default_rng(0).permutation(len(points))  # no set hides the other
    axes.scatter(points[order, 0], points[order, 1], s=14, c=colours[order], alpha=0.6, linewidths=0)
    rows = gap.outside.rows
    if len(rows):
        ringed = gap.plane_b[rows]
        axes.scatter(ringed[:, 0], ringed[:, 1], s=40, facecolors="none", edgecolors=_INK, linewidths=0.8)
    for colour, letter, side in ((_A, "A", gap.a), (_B, "B", gap.b)):
        axes.scatter([], [], s=30, c=colour, label=f"{letter}  {side.name}, {len(side)} images")
    axes.scatter([], [], s=40, facecolors="none", edgecolors=_INK, label=f"outside A: {len(rows)}")
    axes.legend(framealpha=0.85, edgecolor="none")
    axes.set_title(f"{verdict}: AUC {gap.auc:.2f}, p = {gap.test.p:.2g}", loc="left", color=_INK)
    axes.set_xlabel("first principal axis of the features", color=_INK)
    axes.set_ylabel("second", color=_INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())
