"""The table of contents of the first rung: annotated images in, a sealed classifier out, in seconds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lineproof.adapt.bases import SCRATCH
from lineproof.adapt.classify.classifier import Classifier, fit_classifier
from lineproof.adapt.classify.labels import check_learnable, classes_of, labelled
from lineproof.adapt.classify.sealing import SealedClassifier, seal_classifier
from lineproof.adapt.classify.wish import ClassifyRecord, ClassifyWish
from lineproof.adapt.features import Backbone, best_imgsz, open_backbone, pooled_features
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder
from lineproof.atomic import write_json
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.errors import InputError, LineproofError


@dataclass(frozen=True, slots=True)
class Classified:
    """A run that came to its end."""

    folder: RunFolder
    record: ClassifyRecord
    sealed: SealedClassifier


def train_classifier(data: Path, out: Path, wish: ClassifyWish, progress: TrainProgress) -> Classified:
    """Fit a classifier on frozen features of a dataset, export it, prove that it decides the same, seal it.

    Raises:
        InputError: dataset, backbone, size or folder cannot be used; nothing is left behind.
        ParityError: the exported classifier decides otherwise than the fitted one.
    """
    dataset = open_dataset(data)
    classes = classes_of(dataset, one_class=wish.one_class)
    train, val = (labelled(dataset, split, one_class=wish.one_class) for split in ("train", "val"))
    warnings = check_learnable(dataset, train, val, classes)
    said = _Remembering(progress, warnings)
    backbone = _backbone(wish, said.say)
    folder = RunFolder.fresh(out)
    with _gone_after_error(folder):
        started = time.monotonic()
        features = pooled_features(
            [sample.image for sample in train.samples], backbone, advance=_bar(progress, len(train.samples))
        )
        extracted = time.monotonic()
        progress.say(f"fitting a {wish.head} classifier on {len(features)} images of {backbone.dimension} features")
        classifier = fit_classifier(wish.head, features, train.truth, train.groups, classes, said.say)
        record = _record(dataset, wish, backbone, classifier, tuple(said.lines))
        record = record.model_copy(
            update={"feature_seconds": extracted - started, "fit_seconds": time.monotonic() - extracted}
        )
        sealed = seal_classifier(folder, dataset, backbone, classifier, record, val.samples, progress)
        record = record.model_copy(update={"validation": sealed.figures})
        write_json(folder.record_file, record.model_dump(mode="json"))
    return Classified(folder, record, sealed)


def _backbone(wish: ClassifyWish, say: Callable[[str], None]) -> Backbone:
    if wish.base == SCRATCH:
        raise InputError(
            "--base scratch: frozen features need a network that knows something",
            hint="take yolov8n or lineproof-n; yolov8n:random shows what random weights are worth",
        )
    return open_backbone(wish.base, imgsz=wish.imgsz or best_imgsz(wish.base), say=say, pooling="auto")


def _record(
    dataset: Dataset, wish: ClassifyWish, backbone: Backbone, classifier: Classifier, warnings: tuple[str, ...]
) -> ClassifyRecord:
    return ClassifyRecord(
        dataset=str(dataset.root),
        dataset_hash=dataset.content_hash,
        classes=classifier.classes,
        one_class=wish.one_class,
        base_asked=wish.base,
        base=backbone.card,
        random_weights=backbone.random,
        imgsz=backbone.imgsz,
        pooling=backbone.graph.pooling,
        strides=backbone.strides,
        dimension=backbone.dimension,
        head=classifier.head,
        settings=classifier.settings,
        warnings=warnings,
        feature_seconds=0.0,
        fit_seconds=0.0,
    )


def _bar(progress: TrainProgress, images: int) -> Callable[[], None]:
    """The progress bar over the images whose features are computed."""
    progress.say(f"features of {images} images")
    progress.begin(1, 0, images)
    return progress.batch


@contextmanager
def _gone_after_error(folder: RunFolder) -> Iterator[None]:
    """A fit takes seconds: what was not finished is not kept."""
    try:
        yield
    except (LineproofError, KeyboardInterrupt):
        shutil.rmtree(folder.root, ignore_errors=True)
        raise


class _Remembering:
    """Passes remarks on and keeps the warnings for the record."""

    def __init__(self, progress: TrainProgress, first: list[str]) -> None:
        self._progress = progress
        self.lines: list[str] = []
        for line in first:
            self.say(line)

    def say(self, text: str) -> None:
        if text.startswith("warning"):
            self.lines.append(text)
        self._progress.say(text)
