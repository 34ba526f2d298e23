"""`lineproof data next`: which images to annotate next."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra, say, tracked

if TYPE_CHECKING:
    from lineproof.adapt.pick import Judge, Pick, Picked
    from lineproof.core import Image
    from lineproof.data.image_set import ImageSet

SHOWN, DRAWN = 10, 60
_MODULES = ("torch", "ultralytics", "timm")


def next_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="a bundle or a training run (left out: only variety counts), then the folder of images nobody annotated",
            metavar="[BUNDLE_OR_RUN] UNLABELLED_DIR",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder for the list and the contact sheet")],
    count: Annotated[int, typer.Option(min=1, help="how many images")] = 50,
    dataset: Annotated[
        Path | None, typer.Option(help="what is annotated already; default: what the training run was trained on")
    ] = None,
    base: Annotated[
        str,
        typer.Option(help="network whose features tell variety: auto, yolov8n, lineproof-n, dinov2_small, … or a file"),
    ] = "auto",
    provider: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")] = "auto",
    twins: Annotated[
        bool, typer.Option("--twins/--no-twins", help="offer one of several images that show the same place")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Choose the images whose annotation will teach the model most: those it doubts, spread over what it never saw.

    Writes next.csv, next.json and next.png, the images with what the model finds on them. Images that show what is
    annotated already are not offered, and near-duplicates once.

    Example: `lineproof data next runs/tiles photos/ --count 40 --out to-annotate`
    """
    require_extra("train", *_MODULES)
    from lineproof.adapt.features import open_backbone
    from lineproof.adapt.pick import NOTHING, pick_next
    from lineproof.data.image_set import open_image_set
    from lineproof.errors import InputError

    if len(paths) > 2:
        raise InputError(
            f"{len(paths)} paths given", hint="lineproof data next [BUNDLE_OR_RUN] UNLABELLED_DIR --out DIR"
        )
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: a file, not a folder", hint="choose another name")
    pool = open_image_set(paths[-1])
    known = _annotated(paths[0] if len(paths) == 2 else None, dataset)
    annotated = NOTHING if known is None else open_image_set(known)
    judge = _judge(paths[0], provider) if len(paths) == 2 else None
    # Defects are small: of the maps also the maxima, or the background decides alone what is new.
    backbone = open_backbone(base, pooling="auto", say=say)
    picked = pick_next(pool, count, backbone, annotated=annotated, judge=judge, twins=twins, progress=tracked)
    files = _write(out, picked, judge)
    result: dict[str, object] = {
        "picks": [pick.as_dict() for pick in picked.picks],
        "pool": picked.pool,
        "annotated": None if known is None else str(known),
        "near_annotated": picked.near_annotated,
        "unreadable": list(picked.unreadable),
        "files": files,
    }
    emit(result, _text(picked, annotated, files), as_json=as_json)
    for note in picked.unreadable:
        say(f"lineproof: left out: {note}")


def _annotated(source: Path | None, dataset: Path | None) -> Path | None:
    """The dataset named, or the one a training run was trained on, if it is still there."""
    if dataset is not None or source is None or not (source / "run.json").is_file():
        return dataset
    try:  # any kind of run says it, whatever else its record holds
        trained_on = Path(json.loads((source / "run.json").read_bytes())["dataset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if trained_on.is_dir():
        return trained_on
    say(f"lineproof: {trained_on}, which the run was trained on, is not there: name it with --dataset")
    return None


def _judge(source: Path, provider: str) -> Judge:
    from lineproof.adapt.pick import Judge
    from lineproof.adapt.run_folder import RunFolder
    from lineproof.bundle.open import open_bundle
    from lineproof.cli.assemble import bundle_limits, ready_engine
    from lineproof.rules.tolerance import Rules

    sealed = open_bundle(RunFolder(source).bundle if (source / "run.json").is_file() else source)
    manifest = sealed.manifest
    engine = ready_engine(sealed, bundle_limits(sealed, Rules()), provider)
    return Judge(engine, tuple(manifest.operating_point[name] for name in manifest.classes))


def _write(out: Path, picked: Picked, judge: Judge | None) -> dict[str, str]:
    from lineproof.atomic import write_json, write_text
    from lineproof.data.sheet import write_sheet

    rows = [pick.as_dict() for pick in picked.picks]
    files = {"list": out / "next.csv", "json": out / "next.json"}
    write_json(files["json"], rows)
    table = io.StringIO()
    fields = ("rank", "image", "uncertainty", "distance", "times_typical", "reason")
    writer = csv.DictWriter(table, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(files["list"], table.getvalue())
    sheet = out / "next.png"
    sheet.unlink(missing_ok=True)  # of an earlier call
    if picked.picks:
        files["sheet"] = sheet
        write_sheet(sheet, _sheet(picked.picks[:DRAWN], picked, judge))
    return {name: str(path) for name, path in files.items()}


def _sheet(picks: tuple[Pick, ...], picked: Picked, judge: Judge | None) -> Image:
    from lineproof.adapt.pick import shown_detections
    from lineproof.core import Detections
    from lineproof.data.pick.words import doubts
    from lineproof.data.picture_sheet import Picture, draw_pictures

    cells = []
    for pick in picks:
        found = Detections.empty() if judge is None else shown_detections(pick, judge.thresholds)
        doubt = "" if judge is None else f"  doubt {pick.doubt.value:.2f}"
        new = "" if pick.times_typical is None else f"  new {pick.times_typical:.1f} x"
        told = "" if judge is None else doubts(pick.found, pick.doubt, judge.engine.classes)
        cells.append(Picture(pick.image, (f"{pick.rank}{doubt}{new}", told), pick.title, found=found))
    title = f"annotate next: {len(picks)} of {picked.pool} images"
    return draw_pictures(cells, title, classes=judge.engine.classes if judge else ())


def _text(picked: Picked, annotated: ImageSet, files: dict[str, str]) -> str:
    lines = [f"{len(picked.picks)} of {picked.pool} images to annotate next"]
    if len(annotated):
        lines[0] += f"; {len(annotated)} are annotated already"
    if picked.near_annotated:
        lines.append(f"{picked.near_annotated} are not offered: they show the same place as an annotated image")
    lines += [f"{pick.rank:4}  {pick.title}  {pick.reason}" for pick in picked.picks[:SHOWN]]
    if len(picked.picks) > SHOWN:
        lines.append(f"      … and {len(picked.picks) - SHOWN} more")
    return "\n".join([*lines, *(f"{name}: {path}" for name, path in files.items())])
