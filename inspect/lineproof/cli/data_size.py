"""`lineproof data size`: which image size, or which tiles, the defects ask for, and what it costs here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, say

if TYPE_CHECKING:
    from lineproof.bundle.manifest import Task
    from lineproof.data.dataset import Dataset
    from lineproof.data.sizing import Speed


def size(
    folder: Annotated[Path, typer.Argument(help="a dataset folder", metavar="DIR", show_default=False)],
    latency_ms: Annotated[
        float | None, typer.Option(min=0.1, help="budget for one frame; exit 1 when nothing fine enough keeps it")
    ] = None,
    base: Annotated[str, typer.Option(help="the base that is measured; auto: the best at hand")] = "auto",
    measure: Annotated[bool, typer.Option("--measure/--no-measure", help="time the base on this machine")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Recommend an image size, or tiles, from the sizes of the annotated defects and a latency budget.

    Example: `lineproof data size parts --latency-ms 80`
    """
    from lineproof.data.dataset import open_dataset
    from lineproof.data.sizing import advise, defect_sizes
    from lineproof.data.sizing_words import sizing_dict, sizing_text

    dataset = open_dataset(folder)
    sizes = defect_sizes(dataset)
    speed, why = _speed(dataset, base) if measure else (None, "--no-measure")
    advice = advise(sizes, speed, latency_ms)
    if latency_ms is not None and speed is None:
        say(f"the budget of {latency_ms:g} ms is not checked: {why}")
    facts = {"dataset": str(dataset.root), "base": base if speed else None, **sizing_dict(advice, speed)}
    emit(facts, sizing_text(advice, speed, why_unmeasured=why), as_json=as_json)
    if not advice.holds:
        raise typer.Exit(1)


def _speed(dataset: Dataset, base: str) -> tuple[Speed | None, str]:
    """The base's times here, or why there are none."""
    from lineproof.cli.output import require_extra
    from lineproof.data.sizing import fit_speed
    from lineproof.errors import MissingExtra

    try:
        require_extra("train", "torch", "ultralytics", "onnx", "onnxslim", "safetensors")
    except MissingExtra as error:
        return None, str(error)
    from lineproof.adapt.base_speed import measure_base

    task: Task = "segment" if dataset.has_masks else "detect"
    return fit_speed(measure_base(base, task, dataset.classes, say=say)), ""
