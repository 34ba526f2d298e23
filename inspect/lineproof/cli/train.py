"""`lineproof train` and `lineproof export`: images to a run, a run to a sealed bundle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra
from lineproof.cli.train_classify import check_options, fit
from lineproof.cli.triton import triton_repository as _triton
from lineproof.cli.watching import interruptible, train_progress
from lineproof.errors import InputError

if TYPE_CHECKING:
    from lineproof.adapt.pipeline import Trained
    from lineproof.bundle.precisions import PrecisionRow
    from lineproof.bundle.reduced_decoding import ReducedDecoding

_MODULES = ("torch", "ultralytics", "albumentations", "onnx", "onnxslim", "safetensors", "faster_coco_eval")


def train(
    data: Annotated[Path, typer.Argument(help="a dataset folder with a train and a val split", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="folder of the run; the sealed bundle will be in it")],
    task: Annotated[
        Literal["detect", "segment", "classify"] | None,
        typer.Option(help="default: segment where the dataset has masks; classify: whole images, on frozen features"),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="yolov8n, yolov8s, …, lineproof-n, scratch, or a .pt or .safetensors file; to classify also resnet50, "
            "efficientnet_b0, vit_small, clip_vit_b32, dinov2_small or any other of timm's"
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="a recipe's name (default, quick, …) or a YAML file")] = None,
    imgsz: Annotated[int | None, typer.Option(help="instead of the recipe's image size in pixels")] = None,
    steps: Annotated[int | None, typer.Option(help="length in steps of the optimiser, instead of the recipe's")] = None,
    epochs: Annotated[int | None, typer.Option(help="length in passes over the training images, instead")] = None,
    minutes: Annotated[float | None, typer.Option(help="learn as much as can be learnt in this time, instead")] = None,
    batch: Annotated[int | None, typer.Option(help="instead of the recipe's batch")] = None,
    seed: Annotated[int | None, typer.Option(help="instead of the recipe's seed")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    head: Annotated[
        Literal["linear", "knn", "mlp"] | None,
        typer.Option(help="classify: linear (default, with heat maps), nearest neighbours, or a small network"),
    ] = None,
    one_class: Annotated[
        bool, typer.Option("--one-class", help="classify: every defect is the same one, OK or not")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the interrupted run in --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Adapt a pretrained detector to your defects, export it, prove that it decides the same, seal it.

    Ctrl-C at any time leaves a run that `--resume` continues to the same result. Nothing is sent or fetched, except
    a base that is asked for by name and is not on this machine.

    Example: `lineproof train data/tiles --out runs/tiles --epochs 40`
    """
    options = {"recipe": recipe, "epochs": epochs, "batch": batch, "seed": seed, "resume": resume, "device": device}
    check_options(task, {**options, "head": head, "one_class": one_class})
    if task == "classify":
        with train_progress() as progress:
            facts, text = fit(data, out, base=base, head=head, one_class=one_class, imgsz=imgsz, progress=progress)
        emit(facts, text, as_json=as_json)
        return
    require_extra("train", *_MODULES)
    from lineproof.adapt import pipeline
    from lineproof.adapt.begin import Wish
    from lineproof.adapt.recipe import load_recipe, with_changes

    lengths = {"steps": steps, "epochs": epochs, "minutes": minutes}
    if sum(length is not None for length in lengths.values()) > 1:
        raise InputError("--steps, --epochs and --minutes: a run has one length", hint="give one of them")
    changes = {"imgsz": imgsz, **lengths, "batch": batch, "seed": seed}
    said = {"task": task, "base": base, "recipe": recipe, **changes}
    go_on = f"go on with: lineproof train … --out {out} --resume"
    with interruptible(go_on, (out / "run.json").is_file), train_progress() as progress:
        if resume:
            given = [f"--{name}" for name, value in said.items() if value is not None]
            if given:
                raise InputError(f"--resume goes on as the run was begun: drop {', '.join(given)}")
            done = pipeline.resume(data, out, device, progress)
        else:
            wish = Wish(with_changes(load_recipe(recipe or "default"), **changes), base or "auto", task, device)
            done = pipeline.train(data, out, wish, progress)
    emit(_facts(done), _text(done), as_json=as_json)


def export(
    source: Annotated[Path, typer.Argument(help="the folder of a training run; with --triton also a bundle")],
    out: Annotated[Path | None, typer.Option(help="where the bundle, or the base, is written")] = None,
    data: Annotated[Path | None, typer.Option(help="where the run's dataset is, when it was moved")] = None,
    imgsz: Annotated[int | None, typer.Option(help="longer side of the model's input; default: as trained")] = None,
    frame: Annotated[
        str, typer.Option(help="the camera's frame, such as 1920x1080; auto: as the training images; square")
    ] = "auto",
    colour: Annotated[
        Literal["auto", "colour", "mono"], typer.Option(help="auto: mono when no training image has colour")
    ] = "auto",
    dynamic: Annotated[bool, typer.Option("--dynamic", help="accept any smaller input size too")] = False,
    outputs: Annotated[
        Literal["maps", "rows"], typer.Option(help="maps: fastest on a CPU; rows: decoded in the graph, for a GPU")
    ] = "maps",
    precision: Annotated[
        Literal["fp32", "fp16", "bf16", "int8", "auto"],
        typer.Option(help="of the arithmetic; auto: the fastest here that changes no decision"),
    ] = "fp32",
    latency_budget_ms: Annotated[
        float | None, typer.Option(help="with --precision auto: no slower than this, or exit 1")
    ] = None,
    max_flips: Annotated[int, typer.Option(help="decisions that a lower precision may change")] = 0,
    triton: Annotated[Path | None, typer.Option(help="write an NVIDIA Triton model repository here as well")] = None,
    as_base: Annotated[
        bool, typer.Option("--as-base", help="write the weights alone, in half precision, as a base for other runs")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace what is at --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Seal the best network of a run into a bundle, after proving on every validation image that it decides the same.

    Example: `lineproof export runs/tiles --out bundles/tiles --frame 1920x1080`
    """
    if triton is not None and ((source / "manifest.json").is_file() or source.is_file()):
        emit(*_triton(source, triton), as_json=as_json)
        return
    if out is None:
        raise InputError("--out is missing", hint="say where the bundle is to be written")
    require_extra("train", *_MODULES)
    if as_base:
        from lineproof.adapt.own_base import export_base

        facts = export_base(source, out, overwrite=overwrite)
        emit(facts, f"{out}: {facts['bytes']} bytes, sha256 {facts['sha256']}", as_json=as_json)
        return
    from lineproof.adapt import pipeline
    from lineproof.adapt.export_wish import ExportWish

    wish = ExportWish(
        imgsz=imgsz,
        frame_wh=None if frame in ("auto", "square") else _size_wh(frame),
        square=frame == "square",
        mono=None if colour == "auto" else colour == "mono",
        dynamic=dynamic,
        outputs=outputs,
        precision=precision,
        latency_budget_ms=latency_budget_ms,
        max_flips=max_flips,
    )
    with train_progress() as progress:
        done = pipeline.export(source, out, data, progress, wish, overwrite=overwrite)
    facts, text = _facts(done), _text(done)
    if triton is not None:
        more, line = _triton(out, triton)
        facts, text = facts | more, f"{text}\n{line}"
    emit(facts, text, as_json=as_json)


def _size_wh(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,4})[x×]([1-9][0-9]{0,4})", text)
    if match is None:
        raise InputError(f"--frame {text}: not a size", hint="width x height in pixels, such as 1920x1080")
    return int(match[1]), int(match[2])


def _facts(done: Trained) -> dict[str, object]:
    record, sealed = done.record, done.sealed
    return {
        "run": str(done.folder.root),
        "bundle": str(sealed.bundle.path),
        "digest": sealed.bundle.digest,
        "task": record.task,
        "classes": list(record.classes),
        "base": record.base.model_dump(mode="json") if record.base else None,
        "best_epoch": record.best_epoch,
        "seconds": record.seconds,
        "precision": record.precision,
        "tiles": sealed.bundle.manifest.tiles.model_dump(mode="json") if sealed.bundle.manifest.tiles else None,
        "validation": sealed.evaluation.as_dict(),
        "parity": sealed.parity.model_dump(mode="json"),
        "thresholds": {
            name: {"score": t.score, "review_score": t.review_score} for name, t in sealed.thresholds.items()
        },
    }


def _text(done: Trained) -> str:
    """What a person wants to know first."""
    record, sealed = done.record, done.sealed
    evaluation, parity = sealed.evaluation, sealed.parity
    figures = f"boxes mAP50 {evaluation.boxes.ap50:.3f}"
    if evaluation.masks is not None:
        figures += f", masks mAP50 {evaluation.masks.ap50:.3f}"
    return "\n".join(
        [
            f"trained {record.seconds / 60:.1f} minutes in {record.precision}, kept epoch {record.best_epoch}",
            f"validation, {evaluation.images} images through the runtime engine{_in_tiles(done)}: {figures}",
            f"parity: {parity.decision_flips} decision flips, largest score difference {parity.max_score_difference:.1e}",
            *(_precision_line(row) for row in sealed.bundle.manifest.precisions),
            *(_decoding_line(row) for row in sealed.bundle.manifest.reduced_decoding),
            f"bundle {sealed.bundle.path} ({sealed.bundle.digest[:12]}), {sealed.bundle.manifest.precision}",
        ]
    )


def _in_tiles(done: Trained) -> str:
    tiles = done.sealed.bundle.manifest.tiles
    return f" in tiles of {tiles.slice_width}×{tiles.slice_height}" if tiles else ""


def _precision_line(row: PrecisionRow) -> str:
    figure = "" if row.map50 is None else f", mAP50 {row.map50:.3f}"
    took = f"{row.latency_ms:.1f} ms (p99 {row.latency_p99_ms:.1f})"
    flips = f"{row.decision_flips} of {row.images} decisions changed"
    return f"  {row.precision} on {row.provider}, {row.threads} threads: {took}{figure}, {flips}"


def _decoding_line(row: ReducedDecoding) -> str:
    figures = "" if row.map50_reduced is None else f", mAP50 {row.map50_reduced:.3f} (in full {row.map50_full:.3f})"
    flips = f"{row.decision_flips} of {row.images} decisions changed"
    return f"  JPEG decoded at 1/{row.reduction}: {flips}{figures}, {'allowed' if row.allowed else 'not allowed'}"
