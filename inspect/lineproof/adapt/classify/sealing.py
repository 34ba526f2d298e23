"""From a fitted classifier to a sealed bundle: everything measured through the runtime engine, on validation images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from pydantic import JsonValue

from lineproof.adapt.classify.classifier import Classifier
from lineproof.adapt.classify.export import export_classifier
from lineproof.adapt.classify.parity import check_classifier_parity
from lineproof.adapt.classify.wish import ClassifyRecord
from lineproof.adapt.export import Exported
from lineproof.adapt.features import Backbone
from lineproof.adapt.probes import choose_probes
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder
from lineproof.adapt.sheet import draw_sheet
from lineproof.atomic import write_json
from lineproof.bundle.manifest import ClassThreshold, DatasetCard, Manifest, ParityReport
from lineproof.bundle.open import Bundle
from lineproof.bundle.seal import seal
from lineproof.bundle.training_images import TRAINING
from lineproof.core import Sample
from lineproof.core.threshold import Threshold
from lineproof.data.dataset import Dataset
from lineproof.data.training_images import training_images
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.evaluate import detect_all
from lineproof.proof.image_level import ImageEvaluation, evaluate_images
from lineproof.proof.thresholds import choose_thresholds
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

SCORE_FLOOR = 0.01  # as of detectors: low enough for a review band below every threshold


@dataclass(frozen=True, slots=True)
class SealedClassifier:
    """A bundle with the figures it was sealed with."""

    bundle: Bundle
    evaluation: ImageEvaluation
    parity: ParityReport
    thresholds: Mapping[str, Threshold]

    @property
    def figures(self) -> dict[str, JsonValue]:
        """The evaluation for JSON."""
        figures: dict[str, JsonValue] = json.loads(json.dumps(self.evaluation.as_dict()))
        return figures


def seal_classifier(
    folder: RunFolder,
    dataset: Dataset,
    backbone: Backbone,
    classifier: Classifier,
    record: ClassifyRecord,
    val: Sequence[Sample],
    progress: TrainProgress,
) -> SealedClassifier:
    """Export, choose thresholds, prove parity, choose probes, seal.

    Raises:
        ParityError: the engine decides otherwise than torch and scikit-learn; nothing is sealed.
    """
    progress.say("exporting to ONNX")
    exported = export_classifier(backbone, classifier)
    engine = OnnxEngine.from_model(exported.onnx, exported.spec(SCORE_FLOOR), "cpu")
    progress.say(f"measuring {len(val)} validation images through the runtime engine")
    found = detect_all(engine, val)
    classes = classifier.classes
    thresholds = choose_thresholds([sample.truth for sample in val], found, classes, SCORE_FLOOR)
    evaluation = evaluate_images(val, found, classes, compile_limits(Rules(), classes, thresholds, SCORE_FLOOR))
    draw_sheet(folder.sheet, val, found, classes, thresholds)
    progress.say("comparing the runtime engine with the fitted classifier")
    parity = check_classifier_parity(
        exported, backbone, classifier, [sample.image for sample in val], thresholds, SCORE_FLOOR
    )
    write_json(folder.parity, parity.model_dump(mode="json"))
    probes = choose_probes(engine, val, thresholds)
    manifest = _manifest(folder, dataset, exported, record, thresholds, parity, evaluation)
    seen = {TRAINING: training_images(dataset).to_json()}
    bundle = seal(folder.bundle, manifest, exported.onnx, probes, extras=seen)
    return SealedClassifier(bundle, evaluation, parity, thresholds)


def _manifest(
    folder: RunFolder,
    dataset: Dataset,
    exported: Exported,
    record: ClassifyRecord,
    thresholds: Mapping[str, Threshold],
    parity: ParityReport,
    evaluation: ImageEvaluation,
) -> Manifest:
    facts = record.model_dump(mode="json", include=_RECIPE)
    return Manifest(
        name=folder.root.resolve().name or "bundle",
        task="classify",
        classes=exported.classes,
        input=exported.input_spec,
        outputs=exported.outputs,
        strides=(),
        thresholds={n: ClassThreshold(score=t.score, review_score=t.review_score) for n, t in thresholds.items()},
        score_floor=SCORE_FLOOR,
        nms_iou=1.0,
        max_detections=len(exported.classes),
        schema_version=2,
        base=record.base,
        dataset=DatasetCard(
            name=dataset.root.name,
            content_hash=dataset.content_hash,
            counts=_counts(dataset, exported.classes, one_class=record.one_class),
        ),
        recipe=facts,
        libraries={name: version(name) for name in ("torch", "timm", "scikit-learn", "onnx", "onnxslim")},
        parity=parity,
        evaluation={"split": "val", **json.loads(json.dumps(evaluation.as_dict()))},
    )


_RECIPE = {
    "one_class",
    "random_weights",
    "imgsz",
    "pooling",
    "strides",
    "dimension",
    "head",
    "settings",
    "warnings",
}


def _counts(dataset: Dataset, classes: tuple[str, ...], *, one_class: bool) -> dict[str, int]:
    """Images per split, and images that show each class."""
    images = Counter(f"{sample.split or 'unsplit'} images" for sample in dataset.samples)
    shown: Counter[str] = Counter()
    for sample in dataset.samples:
        ids = {0} if one_class and not sample.ok else {int(c) for c in sample.truth.class_id}
        shown.update(classes[c] for c in ids)
    return {**images, **{name: shown[name] for name in classes}}
