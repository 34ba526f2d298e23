"""mAP as COCO defines it, per class, for boxes and masks, computed by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask as rle

from lineproof.core import Detections, Sample

MAX_DETECTIONS = 100  # of a class on an image, as COCO counts


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """AP at IoU 0.50 and averaged over 0.50:0.05:0.95; nan for a class without truth."""

    ap50: float
    ap50_95: float
    per_class: dict[str, tuple[float, float]]  # name → (ap50, ap50_95)

    def as_dict(self) -> dict[str, object]:
        """For JSON; a class without truth is null."""
        return {
            "mAP50": _json(self.ap50),
            "mAP50_95": _json(self.ap50_95),
            "per_class": {k: {"AP50": _json(a), "AP50_95": _json(b)} for k, (a, b) in self.per_class.items()},
        }


def known_figure(value: float) -> float | None:
    """The figure, or None for nan, which means that there was no truth to compare with and has no place in JSON."""
    return None if np.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Images made ready to be scored, once for any number of draws: masks are encoded, the surest detections chosen."""

    sizes_wh: tuple[tuple[int, int], ...]
    truth: tuple[list[dict[str, Any]], ...]  # rows as COCO knows them, for each image
    guesses: tuple[list[dict[str, Any]], ...]
    masks: bool

    @classmethod
    def of(cls, samples: Sequence[Sample], found: Sequence[Detections], *, masks: bool = False) -> Scored:
        """One image each.

        Raises:
            ValueError: masks are asked for but a sample or a result has none.
        """
        sizes = tuple(sample.image_wh for sample in samples)
        return cls(
            sizes,
            tuple(_rows(sample.truth, sample.image_wh, masks=masks) for sample in samples),
            tuple(
                _rows(_surest(detections), sample.image_wh, masks=masks)
                for sample, detections in zip(samples, found, strict=True)
            ),
            masks,
        )

    def precision(self, classes: Sequence[str], rows: Sequence[int] | None = None) -> AveragePrecision:
        """COCO AP of all images, or of these rows, each as often as it is named."""
        chosen = range(len(self.sizes_wh)) if rows is None else rows
        images = [
            {"id": i + 1, "width": self.sizes_wh[row][0], "height": self.sizes_wh[row][1]}
            for i, row in enumerate(chosen)
        ]
        truth = [own | {"image_id": i + 1} for i, row in enumerate(chosen) for own in self.truth[row]]
        guesses = [own | {"image_id": i + 1} for i, row in enumerate(chosen) for own in self.guesses[row]]
        for number, own in enumerate(truth):
            own.update(id=number + 1, iscrowd=0)
        if not truth or not guesses:
            return _nothing(classes, {own["category_id"] for own in truth})
        categories = [{"id": i + 1, "name": name} for i, name in enumerate(classes)]
        with contextlib.redirect_stdout(io.StringIO()):
            reference = COCO({"images": images, "annotations": truth, "categories": categories})
            run = COCOeval_faster(reference, reference.loadRes(guesses), "segm" if self.masks else "bbox")
            run.run()
        # (T IoU thresholds, R recalls, K classes, A areas, M max detections); -1 where a class has no truth
        precision = np.asarray(run.eval["precision"])[:, :, :, 0, -1]
        per_class = {name: (_mean(precision[0, :, i]), _mean(precision[:, :, i])) for i, name in enumerate(classes)}
        return AveragePrecision(_mean(precision[0]), _mean(precision), per_class)


def average_precision(
    samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str], *, masks: bool = False
) -> AveragePrecision:
    """COCO AP with at most 100 detections of each class an image.

    Raises:
        ValueError: masks are asked for but a sample or a result has none.
    """
    return Scored.of(samples, found, masks=masks).precision(classes)


def _nothing(classes: Sequence[str], present: set[int]) -> AveragePrecision:
    """Without truth nothing is known; with truth and no detection everything is 0."""
    each = {name: (0.0, 0.0) if i + 1 in present else (float("nan"),) * 2 for i, name in enumerate(classes)}
    overall = 0.0 if present else float("nan")
    return AveragePrecision(overall, overall, {name: (own[0], own[1]) for name, own in each.items()})


def _surest(detections: Detections) -> Detections:
    """What COCO looks at: the surest of each class, in their order."""
    order = np.argsort(-detections.score, kind="stable")
    place = np.empty(len(order), np.intp)
    for class_id in np.unique(detections.class_id):
        own = order[detections.class_id[order] == class_id]
        place[own] = np.arange(len(own))
    return detections[place < MAX_DETECTIONS]


def _rows(detections: Detections, image_wh: tuple[int, int], *, masks: bool) -> list[dict[str, Any]]:
    if masks and detections.masks is None and len(detections):
        raise ValueError("masks: an image has boxes only")
    rows: list[dict[str, Any]] = []
    areas = detections.area_px
    for i, (x1, y1, x2, y2) in enumerate(detections.xyxy.tolist()):
        row: dict[str, Any] = {
            "category_id": int(detections.class_id[i]) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(detections.score[i]),
            "area": float(areas[i]),
        }
        if masks and detections.masks is not None:
            row["segmentation"] = rle.encode(np.asfortranarray(detections.masks[i].full(image_wh).astype(np.uint8)))
        rows.append(row)
    return rows


def _mean(precision: np.ndarray[Any, Any]) -> float:
    seen = precision[precision > -1]
    return float(seen.mean()) if seen.size else float("nan")


def _json(value: float) -> float | None:
    known = known_figure(value)
    return None if known is None else round(known, 4)
