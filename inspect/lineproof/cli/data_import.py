"""`lineproof data import`: annotated images of any common format become a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, tracked

if TYPE_CHECKING:
    from lineproof.data.importer import ImportReport

SHOWN = 10


def import_(
    src: Annotated[Path, typer.Argument(help="folder with images and annotations")],
    out: Annotated[Path, typer.Option("--out", help="folder of the new dataset")],
    source_format: Annotated[str, typer.Option("--format", help="auto, yolo, coco, voc or masks")] = "auto",
    masks_threshold: Annotated[
        int, typer.Option(min=0, max=254, help="a mask pixel above this grey value belongs to a defect")
    ] = 127,
    min_speck: Annotated[int, typer.Option(min=0, help="drop components of a mask smaller than this many pixels")] = 10,
    group_by: Annotated[
        str, typer.Option(help="which images show the same part: a CSV (image,group), or a pattern with one bracket")
    ] = "",
    unlabelled: Annotated[
        Literal["error", "ok", "skip"], typer.Option(help="images without annotation: refuse, good parts, leave out")
    ] = "error",
    split: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="split (train, val, test) of the images a file lists")
    ] = None,
    classes: Annotated[str, typer.Option(help="class names in the order wanted: a,b,c")] = "",
    skip_unreadable: Annotated[bool, typer.Option("--skip-unreadable", help="leave damaged images out")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the dataset at --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import YOLO, COCO, Pascal VOC or mask pictures as a dataset.

    Example: `lineproof data import parts/ --out parts-dataset --group-by '(.*)_[0-9]+[.]jpg'`
    """
    from lineproof.data.formats.source import ReadOptions
    from lineproof.data.importer import ImportOptions, import_dataset
    from lineproof.data.split_lists import parse_split_option

    names = tuple(name.strip() for name in classes.split(",") if name.strip())
    options = ImportOptions(
        format=source_format,
        read=ReadOptions(mask_threshold=masks_threshold, min_speck_px=min_speck, classes=names),
        unlabelled=unlabelled,
        group_by=group_by,
        split_lists=tuple(parse_split_option(text) for text in split or ()),
        skip_unreadable=skip_unreadable,
        overwrite=overwrite,
    )
    report = import_dataset(src, out, options, tracked)
    emit(_as_dict(report, unlabelled), _as_text(report, unlabelled), as_json=as_json)


def _as_dict(report: ImportReport, unlabelled: str) -> dict[str, object]:
    dataset = report.dataset
    return {
        "dataset": str(dataset.root),
        "format": dataset.source_format,
        "recognised_by": report.reason,
        "images": len(dataset.samples),
        "ok_images": sum(sample.ok for sample in dataset.samples),
        "classes": dataset.class_counts(),
        "splits": _splits(report),
        "groups": len({sample.group for sample in dataset.samples}),
        "has_masks": dataset.has_masks,
        "content_hash": dataset.content_hash,
        "unlabelled": {"policy": unlabelled, "images": list(report.unlabelled)},
        "unreadable": list(report.unreadable),
        "notes": list(report.notes),
    }


def _splits(report: ImportReport) -> dict[str, dict[str, int]]:
    """Images and defects of each split."""
    splits: dict[str, dict[str, int]] = {}
    for sample in report.dataset.samples:
        entry = splits.setdefault(sample.split or "(none)", {"images": 0, "defects": 0})
        entry["images"] += 1
        entry["defects"] += len(sample.truth)
    return splits


def _as_text(report: ImportReport, unlabelled: str) -> str:
    dataset = report.dataset
    counts = dataset.class_counts()
    good = sum(sample.ok for sample in dataset.samples)
    groups = len({sample.group for sample in dataset.samples})
    width = max(len(name) for name in counts)
    kind = "with masks" if dataset.has_masks else "as boxes"
    lines = [
        f"recognised {dataset.source_format}: {report.reason}",
        f"{len(dataset.samples)} images ({good} good parts) in {groups} groups, {sum(counts.values())} defects {kind}",
        *(f"  {name:{width}}  {number}" for name, number in counts.items()),
    ]
    splits = _splits(report)
    told = ", ".join(f"{name} {entry['images']} images/{entry['defects']} defects" for name, entry in splits.items())
    lines.append(
        f"splits: {told}" if set(splits) != {"(none)"} else "splits: none yet, make them with `lineproof data split`"
    )
    lines += _told(
        f"without annotation, {'left out' if unlabelled == 'skip' else 'taken as good parts'}", report.unlabelled
    )
    lines += _told("unreadable, left out", report.unreadable)
    lines += [f"note: {note}" for note in report.notes]
    lines.append(f"dataset: {dataset.root}")
    return "\n".join(lines)


def _told(what: str, items: tuple[str, ...]) -> list[str]:
    if not items:
        return []
    more = [f"  … and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return [f"{what}: {len(items)}", *(f"  {item}" for item in items[:SHOWN]), *more]
