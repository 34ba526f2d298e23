"""From a trained network to a sealed bundle: everything measured through the runtime engine, on validation images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from pydantic import JsonValue
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.export import Exported, export_onnx
from lineproof.adapt.export_wish import ExportWish
from lineproof.adapt.input_shape import all_grey, input_wh_for
from lineproof.adapt.parity import check_parity
from lineproof.adapt.placement import better_placed
from lineproof.adapt.precision import at_precision
from lineproof.adapt.probes import choose_probes
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.reduced_decoding import measure_reduced_decoding
from lineproof.adapt.run_folder import RunFolder, RunRecord
from lineproof.adapt.sheet import draw_sheet
from lineproof.adapt.trained_model import TrainedModel
from lineproof.atomic import write_json
from lineproof.bundle.manifest import ClassThreshold, DatasetCard, Manifest, ParityReport
from lineproof.bundle.open import Bundle
from lineproof.bundle.precisions import PrecisionRow
from lineproof.bundle.reduced_decoding import ReducedDecoding
from lineproof.bundle.seal import seal
from lineproof.bundle.tiles import TilesSpec
from lineproof.bundle.training_images import TRAINING
from lineproof.core import Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.data.training_images import training_images
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import InputError
from lineproof.proof.evaluate import Evaluation, detect_all, evaluate
from lineproof.proof.thresholds import choose_thresholds
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

# Low enough that the tail of the precision-recall curve is measured and a review band fits below every threshold.
SCORE_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle with the figures it was sealed with."""

    bundle: Bundle
    evaluation: Evaluation
    parity: ParityReport
    thresholds: Mapping[str, Threshold]


def seal_run(
    folder: RunFolder,
    out: Path,
    network: BaseModel,
    dataset: Dataset,
    progress: TrainProgress,
    wish: ExportWish | None = None,
    *,
    overwrite: bool = False,
) -> Sealed:
    """Export, choose thresholds, prove parity, measure decoding at reduced scale, choose probes, seal.

    Raises:
        ParityError: the engine decides otherwise than the trained network; nothing is sealed.
        BundleError: `out` is there already.
    """
    wish = wish or ExportWish()
    record = folder.read()
    samples = samples_of(dataset, "val")
    progress.say("exporting to ONNX")
    exported = export_trained(network, dataset, record.recipe, wish)
    progress.say(f"measuring {len(samples)} validation images through the runtime engine")
    placed, other = better_placed(exported, samples, SCORE_FLOOR)
    progress.say(f"{placed}; otherwise {other.ap50_95:.3f}")
    exported, engine, found, spec = placed.exported, placed.engine, placed.found, placed.engine.spec
    thresholds = choose_thresholds([s.truth for s in samples], found, dataset.classes, SCORE_FLOOR)
    evaluation = _evaluate(samples, found, dataset.classes, thresholds)
    draw_sheet(folder.sheet, samples, found, dataset.classes, thresholds)
    progress.say("comparing the runtime engine with the trained network")
    parity = check_parity(engine, TrainedModel(network, spec), [s.image for s in samples], thresholds)
    write_json(folder.parity, parity.model_dump(mode="json"))
    rows: tuple[PrecisionRow, ...] = ()
    if wish.precision != "fp32":
        precise = at_precision(
            exported,
            dataset,
            thresholds,
            SCORE_FLOOR,
            progress,
            asked=wish.precision,
            latency_budget_ms=wish.latency_budget_ms,
            max_flips=wish.max_flips,
        )
        exported, rows = precise.exported, precise.rows
        spec = exported.spec(SCORE_FLOOR)
        engine = OnnxEngine.from_model(exported.onnx, spec, precise.provider)
        found = detect_all(engine, samples)
        evaluation = _evaluate(samples, found, dataset.classes, thresholds)
        progress.say(f"chosen: {exported.precision} on {precise.provider}, {len(precise.flipped)} decisions changed")
    limits = compile_limits(Rules(), dataset.classes, thresholds, SCORE_FLOOR)
    reduced = measure_reduced_decoding(engine, samples, found, limits, progress)
    probes = choose_probes(engine, samples, thresholds, tiling=exported.tiles)
    manifest = _manifest(record, folder, exported, spec, dataset, thresholds, parity, evaluation, rows, reduced)
    seen = {TRAINING: training_images(dataset).to_json()}
    bundle = seal(out, manifest, exported.onnx, probes, extras=seen, replace=overwrite)
    folder.update(status="sealed", validation=_figures(evaluation))
    return Sealed(bundle, evaluation, parity, thresholds)


def export_trained(network: BaseModel, dataset: Dataset, recipe: Recipe, wish: ExportWish) -> Exported:
    """What would be sealed, its input chosen from the training images; nothing is proven of it.

    Raises:
        InputError: a frame size for a network of tiles, or a size that is not a multiple of 32.
    """
    train, imgsz = samples_of(dataset, "train"), wish.imgsz or recipe.imgsz
    tiling = recipe.tiles.tiling if recipe.tiles else None
    if tiling is not None and wish.frame_wh is not None:
        raise InputError("--frame: the model's input is that of a tile, whatever the frame is", hint="drop --frame")
    frames_wh = [wish.frame_wh] if wish.frame_wh else [sample.image_wh for sample in train]
    input_wh = (imgsz, imgsz) if wish.square or wish.dynamic else input_wh_for(frames_wh, imgsz, tiling)
    mono = all_grey(train) if wish.mono is None else wish.mono
    channels = 1 if mono else 3
    exported = export_onnx(network, input_wh, dynamic=wish.dynamic, channels=channels, outputs=wish.outputs)
    return replace(exported, tiles=tiling)


def _evaluate(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    classes: tuple[str, ...],
    thresholds: dict[str, Threshold],
) -> Evaluation:
    return evaluate(samples, found, classes, compile_limits(Rules(), classes, thresholds, SCORE_FLOOR))


def _manifest(
    record: RunRecord,
    folder: RunFolder,
    exported: Exported,
    spec: EngineSpec,
    dataset: Dataset,
    thresholds: Mapping[str, Threshold],
    parity: ParityReport,
    evaluation: Evaluation,
    precisions: tuple[PrecisionRow, ...],
    reduced_decoding: tuple[ReducedDecoding, ...],
) -> Manifest:
    return Manifest(
        name=folder.root.resolve().name or "bundle",
        task=exported.task,
        classes=exported.classes,
        input=exported.input_spec,
        tiles=TilesSpec.of(exported.tiles) if exported.tiles else None,
        outputs=exported.outputs,
        strides=exported.strides,
        precision=exported.precision,
        thresholds={n: ClassThreshold(score=t.score, review_score=t.review_score) for n, t in thresholds.items()},
        score_floor=spec.score_floor,
        nms_iou=spec.nms_iou,
        boxes_averaged=spec.averaged,
        max_detections=spec.max_detections,
        base=record.base,
        dataset=DatasetCard(name=dataset.root.name, content_hash=dataset.content_hash, counts=_counts(dataset)),
        recipe={
            **record.recipe.model_dump(mode="json"),
            "best_epoch": record.best_epoch,
            "computed_in": record.precision,
            "augmentation": record.augmentation.model_dump(mode="json")["transforms"],
        },
        libraries={name: version(name) for name in ("torch", "ultralytics", "albumentations", "onnx", "onnxslim")},
        parity=parity,
        precisions=precisions,
        reduced_decoding=reduced_decoding,
        evaluation={"split": "val", **_figures(evaluation)},
    )


def _counts(dataset: Dataset) -> dict[str, int]:
    """Images per split and defects per class."""
    images = Counter(f"{sample.split or 'unsplit'} images" for sample in dataset.samples)
    defects = Counter(dataset.classes[c] for sample in dataset.samples for c in sample.truth.class_id)
    return {**images, **{name: defects[name] for name in dataset.classes}}


def _figures(evaluation: Evaluation) -> dict[str, JsonValue]:
    figures: dict[str, JsonValue] = json.loads(json.dumps(evaluation.as_dict()))
    return figures
