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


def average_precision(
    samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str], *, masks: bool = False
) -> AveragePrecision:
    """COCO AP with at most 100 detections an image.

    Raises:
        ValueError: masks are asked for but a sample or a result has none.
    """
    images = [{"id": i + 1, "width": s.image_wh[0], "height": s.image_wh[1]} for i, s in enumerate(samples)]
    truth = [row for i, s in enumerate(samples) for row in _rows(s.truth, i + 1, s.image_wh, masks=masks)]
    guesses = [
        row
        for i, (s, f) in enumerate(zip(samples, found, strict=True))
        for row in _rows(f, i + 1, s.image_wh, masks=masks)
    ]
    for number, row in enumerate(truth):
        row.update(id=number + 1, iscrowd=0)
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(classes)]
    if not truth or not guesses:
        nothing = 0.0 if truth else float("nan")
        present = {row["category_id"] for row in truth}
        each = {name: (0.0, 0.0) if i + 1 in present else (float("nan"),) * 2 for i, name in enumerate(classes)}
        return AveragePrecision(nothing, nothing, {k: (v[0], v[1]) for k, v in each.items()})
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO({"images": images, "annotations": truth, "categories": categories})
        run = COCOeval_faster(reference, reference.loadRes(guesses), "segm" if masks else "bbox")
        run.run()
    # (T IoU thresholds, R recalls, K classes, A areas, M max detections); -1 where a class has no truth
    precision = np.asarray(run.eval["precision"])[:, :, :, 0, -1]
    per_class = {name: (_mean(precision[0, :, i]), _mean(precision[:, :, i])) for i, name in enumerate(classes)}
    return AveragePrecision(_mean(precision[0]), _mean(precision), per_class)


def _rows(detections: Detections, image_id: int, image_wh: tuple[int, int], *, masks: bool) -> list[dict[str, Any]]:
    if masks and detections.masks is None and len(detections):
        raise ValueError(f"masks: image {image_id} has boxes only")
    rows: list[dict[str, Any]] = []
    areas = detections.area_px
    for i, (x1, y1, x2, y2) in enumerate(detections.xyxy.tolist()):
        row: dict[str, Any] = {
            "image_id": image_id,
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
