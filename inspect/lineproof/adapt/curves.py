"""Training curves as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lineproof.adapt.progress import EpochRow
from lineproof.atomic import write_bytes

_LOSSES = {"box_loss": "boxes", "seg_loss": "masks", "cls_loss": "classes", "dfl_loss": "box edges"}
_SCORES = {
    "map50": ("boxes mAP50", "tab:blue", "-"),
    "map50_95": ("boxes mAP50-95", "tab:blue", "--"),
    "mask_map50": ("masks mAP50", "tab:orange", "-"),
    "mask_map50_95": ("masks mAP50-95", "tab:orange", "--"),
}


def draw_curves(path: Path, rows: Sequence[EpochRow], best_epoch: int) -> None:
    """Losses on the left, validation on the right, the kept epoch marked; a PNG written atomically."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_losses(left, rows)
    _draw_scores(right, rows, best_epoch)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:  # a run that was never validated has one empty plot
            axes.legend(framealpha=0.8, edgecolor="none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _draw_losses(axes: Axes, rows: Sequence[EpochRow]) -> None:
    epochs = [row.epoch for row in rows]
    for name, label in _LOSSES.items():
        if any(row.losses.get(name) for row in rows):
            axes.plot(epochs, [row.losses[name] for row in rows], label=label, marker="." if len(rows) < 4 else "")
    axes.set_title("training loss")
    axes.set_ylim(bottom=0)


def _draw_scores(axes: Axes, rows: Sequence[EpochRow], best_epoch: int) -> None:
    for name, (label, colour, style) in _SCORES.items():
        points = [(row.epoch, value) for row in rows if (value := getattr(row, name)) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=colour, linestyle=style, marker=".")
    axes.axvline(best_epoch, color="grey", linewidth=1)
    axes.text(best_epoch, 0.02, f" kept: {best_epoch}", color="grey", transform=axes.get_xaxis_transform())
    axes.set_title("validation")
    axes.set_ylim(0, 1)
