"""Measure what will run: a set of annotated parts through the runtime engine and the line's limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineproof.core import Decision, Detections, Sample
from lineproof.core.decode import read_image
from lineproof.errors import DatasetError
from lineproof.ports import Engine
from lineproof.proof.average_precision import AveragePrecision, average_precision
from lineproof.proof.rates import LineRates, Outcome, line_rates
from lineproof.rules.judge import Limit, judge


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures for the engineer (mAP) and for the plant (rates), with what they were measured on."""

    images: int
    groups: int
    boxes: AveragePrecision
    masks: AveragePrecision | None
    rates: LineRates
    decisions: tuple[Decision, ...]  # in the order of the samples

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "images": self.images,
            "groups": self.groups,
            "boxes": self.boxes.as_dict(),
            "masks": self.masks.as_dict() if self.masks else None,
            **self.rates.as_dict(),
        }


def align_classes(samples: Sequence[Sample], have: Sequence[str], want: Sequence[str]) -> list[Sample]:
    """Renumber truth from the dataset's class order to the bundle's.

    Raises:
        DatasetError: a class that occurs in the dataset is unknown to the bundle.
    """
    unknown = [name for name in have if name not in want]
    if unknown:
        raise DatasetError(f"class {unknown[0]!r} is unknown to the bundle", hint=f"it knows {', '.join(want)}")
    lookup = [want.index(name) for name in have]
    return [
        Sample(s.image, s.image_wh, _renumbered(s.truth, lookup), s.group, s.split) if len(s.truth) else s
        for s in samples
    ]


def as_one_class(samples: Sequence[Sample]) -> list[Sample]:
    """The same images with every defect as class 0: the truth of a bundle that tells good from bad alone."""
    return [replace(s, truth=replace(s.truth, class_id=np.zeros(len(s.truth), np.int32))) for s in samples]


def _renumbered(truth: Detections, lookup: list[int]) -> Detections:
    return Detections(truth.xyxy, truth.score, np.array(lookup, np.int32)[truth.class_id], truth.masks)


def detect_all(engine: Engine, samples: Iterable[Sample]) -> list[Detections]:
    """Runtime detections of every sample, in order; wrap the samples to watch the progress."""
    return [engine.detect(read_image(sample.image))[0] for sample in samples]


def evaluate(
    samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str], limits: tuple[Limit, ...]
) -> Evaluation:
    """Score detections against truth; masks are scored when both sides have them."""
    decisions = tuple(judge(detections, limits).decision for detections in found)
    with_masks = any(len(s.truth) for s in samples) and all(
        (s.truth.masks is not None or not len(s.truth)) and (f.masks is not None or not len(f))
        for s, f in zip(samples, found, strict=True)
    )
    return Evaluation(
        images=len(samples),
        groups=len({s.group for s in samples}),
        boxes=average_precision(samples, found, classes),
        masks=average_precision(samples, found, classes, masks=True) if with_masks else None,
        rates=line_rates(Outcome(bad=not s.ok, decision=d) for s, d in zip(samples, decisions, strict=True)),
        decisions=decisions,
    )
