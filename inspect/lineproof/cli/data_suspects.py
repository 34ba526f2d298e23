"""`lineproof data suspects`: annotations that are probably wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, messages, require_extra, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineproof.adapt.begin import Wish
    from lineproof.core import Sample
    from lineproof.data.dataset import Dataset
    from lineproof.data.suspects.suspect import Suspect

_SHOWN = 10  # lines on the terminal; the files have all


def suspects(
    folder: Annotated[Path, typer.Argument(help="a dataset folder", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="folder for the list and its pictures")],
    folds: Annotated[int, typer.Option(min=2, help="parts are judged by what the other folds taught")] = 5,
    base: Annotated[
        str, typer.Option(help="whose features judge: lineproof-n, yolov8n, dinov2_small, or a file")
    ] = "lineproof-n",
    imgsz: Annotated[int, typer.Option(help="size in pixels at which a box is looked at")] = 128,
    detector: Annotated[
        bool,
        typer.Option("--detector/--features-only", help="also train a detector per fold: finds missing and misplaced"),
    ] = False,
    detector_base: Annotated[str, typer.Option(help="what the detectors start from; as --base of train")] = "auto",
    recipe: Annotated[str, typer.Option(help="of the detectors: a recipe's name or a YAML file")] = "quick",
    epochs: Annotated[int | None, typer.Option(help="instead of the recipe's epochs")] = None,
    device: Annotated[str, typer.Option(help="of the detectors: auto, cpu, cuda, cuda:1 or mps")] = "auto",
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "all",
    most: Annotated[int, typer.Option(min=1, max=2000, help="length of the list")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other folds")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """List annotations that the rest of the data contradicts, most suspicious first, with pictures and reasons.

    Nothing is changed: a person decides. Every box is judged by models that never saw its part.

    Example: `lineproof data suspects data/tiles --out suspects --detector`
    """
    require_extra("train", "torch", "timm", "sklearn", "safetensors")
    from lineproof.atomic import write_json
    from lineproof.data.dataset import open_dataset
    from lineproof.data.subset import samples_of
    from lineproof.data.suspects.folds import group_folds
    from lineproof.data.suspects.listing import counts_of, rows_of, write_csv
    from lineproof.data.suspects.sheet import write_sheets
    from lineproof.data.suspects.suspect import ranked
    from lineproof.errors import DatasetError, InputError

    wish = _wish(recipe, epochs, detector_base, device, folds) if detector else None
    if out.is_file():
        raise InputError(f"--out {out}: is a file", hint="name a folder")
    dataset = open_dataset(folder)
    samples = samples_of(dataset, split)
    if all(sample.ok for sample in samples):
        raise DatasetError(f"{dataset.root}: no box is annotated in split {split!r}: there is nothing to doubt")
    fold_of = group_folds(samples, len(dataset.classes), folds, seed)
    found, notes = _by_features(dataset, samples, fold_of, base, imgsz)
    if wish is not None:
        found += _by_detectors(dataset, samples, fold_of, out / "detectors", wish)
    else:
        notes.append("only classes were doubted: --detector also finds missing, misplaced and spurious boxes")
    listed = ranked(found, most)
    rows = rows_of(dataset, listed)
    sheets = write_sheets(out, dataset, listed)
    boxes = sum(len(sample.truth) for sample in samples)
    result: dict[str, object] = {
        "dataset": str(dataset.root),
        "content_hash": dataset.content_hash,
        "boxes": boxes,
        "folds": folds,
        "base": base,
        "kinds": counts_of(listed),
        "notes": notes,
        "csv": str(out / "suspects.csv"),
        "sheets": [str(sheet) for sheet in sheets],
        "suspects": rows,
    }
    write_csv(out / "suspects.csv", rows)
    write_json(out / "suspects.json", result)
    emit(result, _text(result, rows), as_json=as_json)


def _wish(recipe: str, epochs: int | None, base: str, device: str, folds: int) -> Wish:
    """How the detectors are trained: boxes, whatever else the dataset has."""
    require_extra("train", "ultralytics", "albumentations", "onnx", "onnxslim", "faster_coco_eval")
    from lineproof.adapt.begin import Wish
    from lineproof.adapt.recipe import load_recipe, with_changes
    from lineproof.adapt.suspects.detectors import require_folds

    require_folds(folds)
    return Wish(with_changes(load_recipe(recipe), epochs=epochs), base, "detect", device)


def _by_features(
    dataset: Dataset, samples: list[Sample], fold_of: NDArray[np.int64], base: str, imgsz: int
) -> tuple[list[Suspect], list[str]]:
    """Classes doubted by a classifier on frozen features, and what it could not judge."""
    from lineproof.adapt.features import open_backbone
    from lineproof.adapt.suspects.opinions import box_features, out_of_fold
    from lineproof.data.formats.wording import count
    from lineproof.data.suspects.from_classes import class_suspects

    if len({int(c) for sample in samples for c in sample.truth.class_id}) < 2:
        return [], ["one class only: no class can be mistaken for another"]
    backbone = open_backbone(base, imgsz=imgsz, say=say)
    with _steps(len(samples), "looking at boxes") as advance:
        features = box_features(samples, backbone, advance)
    with _steps(int(fold_of.max()) + 1, "judging") as advance:
        opinions = out_of_fold(samples, features, fold_of, len(dataset.classes), advance)
    left = Counter(
        dataset.classes[int(sample.truth.class_id[row])]
        for (sample, row), judged in zip(opinions.boxes, opinions.judged, strict=True)
        if not judged
    )
    notes = [
        f"{count(number, 'box')} of {name} could not be judged: no part of the other folds shows the class"
        for name, number in left.items()
    ]
    return class_suspects(opinions.boxes, opinions.probabilities, opinions.judged, dataset.classes), notes


def _by_detectors(
    dataset: Dataset, samples: list[Sample], fold_of: NDArray[np.int64], out: Path, wish: Wish
) -> list[Suspect]:
    """What detectors trained on the other folds contradict."""
    from lineproof.adapt.suspects.detectors import out_of_fold_detections
    from lineproof.cli.watching import train_progress
    from lineproof.data.suspects.from_detections import detection_suspects

    try:
        found = out_of_fold_detections(dataset, samples, fold_of, wish, out, train_progress)
    except KeyboardInterrupt:
        messages.print("interrupted; the same call goes on", markup=False)
        raise
    return detection_suspects(samples, found, dataset.classes)


@contextmanager
def _steps(total: int, what: str) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; elsewhere one line, so that a log shows what is being waited for."""
    if not messages.is_terminal:
        say(f"{what}: {total}")
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(console=messages, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _text(result: dict[str, object], rows: list[dict[str, object]]) -> str:
    """The head of the list, and where the rest is."""
    kinds = result["kinds"]
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) if isinstance(kinds, dict) and kinds else ""
    lines = [f"{len(rows)} suspects among {result['boxes']} boxes{f': {told}' if told else ''}"]
    lines += [f"{row['rank']:>4}  {row['image']}, {row['kind']}: {row['reason']}" for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(f"      and {len(rows) - _SHOWN} more")
    notes, sheets = result["notes"], result["sheets"]
    lines += [f"note: {note}" for note in notes] if isinstance(notes, list) else []
    lines.append(f"list: {result['csv']}")
    if isinstance(sheets, list) and sheets:
        lines.append(f"pictures: {sheets[0]}" + (f" to {Path(sheets[-1]).name}" if len(sheets) > 1 else ""))
    return "\n".join(lines)
