"""One pass over a split, as the line would see it: every image read once, inspected, and remembered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lineproof.bundle.training_images import TrainingImages
from lineproof.cli.output import tracked
from lineproof.core import Image, Sample
from lineproof.core.decode import decode_image
from lineproof.data.dataset import Dataset
from lineproof.data.training_images import Prints, find_known
from lineproof.errors import DatasetError
from lineproof.ports import Engine
from lineproof.proof.seen import Seen, brightness_of, grey_of, sharpness_of
from lineproof.rules.judge import Limit, judge

_SMALL_PX = 512  # longest side of the picture whose brightness and sharpness are told
_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen, and the prints of the images."""

    seen: Seen
    prints: Prints


def look_at(
    engine: Engine, limits: tuple[Limit, ...], dataset: Dataset, originals: Sequence[Sample], truth: Sequence[Sample]
) -> Look:
    """Inspect every image; `truth` is the originals in the bundle's classes, in their order.

    Raises:
        DatasetError: an image that cannot be read, or the same image labelled good and bad.
    """
    prints = Prints.none()
    found, latency, brightness, sharpness = [], [], [], []
    for sample in tracked(truth, "inspecting"):
        data = _read(sample)
        image = decode_image(data, str(sample.image))
        started = time.perf_counter_ns()
        detections, _ = engine.detect(image)
        judge(detections, limits)
        latency.append((time.perf_counter_ns() - started) / 1e6)
        found.append(detections)
        prints.add(data, image)
        grey = grey_of(_small(image))
        brightness.append(brightness_of(grey))
        sharpness.append(sharpness_of(grey))
    names = [dataset.name_of(sample) for sample in originals]
    _refuse_contradictions(names, truth, prints)
    seen = Seen(truth, names, found, np.array(latency), np.array(brightness), np.array(sharpness))
    return Look(seen, prints)


def refuse_known(trained: TrainingImages | None, dataset: Dataset, originals: Sequence[Sample], prints: Prints) -> str:
    """What limits the comparison with the training images, in a sentence; empty: nothing.

    Raises:
        DatasetError: training has seen some of these parts; names the first.
    """
    if trained is None:
        return "The bundle does not say which images it was trained on: whether these parts are new was not checked."
    overlap = find_known(trained, dataset, originals, prints)
    if overlap.known:
        named = ", ".join(str(known) for known in overlap.known[:_NAMED])
        more = f" and {len(overlap.known) - _NAMED} more" if len(overlap.known) > _NAMED else ""
        raise DatasetError(
            f"{dataset.root}: training has seen {len(overlap.known)} of these {len(originals)} images: {named}{more}",
            hint="prove on parts that training never saw; `lineproof data split` keeps the parts of a group together",
        )
    if not overlap.pictures_told_apart:
        return (
            "The parts look so alike that a copy of a training image, saved again, could not be told from a new part."
        )
    return ""


def _refuse_contradictions(names: Sequence[str], truth: Sequence[Sample], prints: Prints) -> None:
    first: dict[str, int] = {}
    for row, sha256 in enumerate(prints.sha256):
        other = first.setdefault(sha256, row)
        if truth[other].ok != truth[row].ok:
            raise DatasetError(
                f"{names[other]} and {names[row]} are the same image, one labelled good and one bad",
                hint="correct the label, or remove one of them",
            )


def _small(image: Image) -> Image:
    scale = _SMALL_PX / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _read(sample: Sample) -> bytes:
    try:
        return sample.image.read_bytes()
    except OSError as error:
        raise DatasetError(f"{sample.image}: cannot be read ({error.strerror})") from None
