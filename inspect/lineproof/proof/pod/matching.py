"""Which true defects were found, and by what: the hits and misses behind a probability of detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask, Detections
from lineproof.core.boxes import box_area, box_iou
from lineproof.core.masks import mask_iou

Rule = Literal["iou", "centre", "overlap"]
Threshold = float | Sequence[float]  # one for all classes, or one for each

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]


class ImageMatch(NamedTuple):
    """One image: what each true defect was found with, and which detections found something."""

    hit_score: F32  # (n,) highest score of a detection that found the defect; 0: none did
    matched: Bools  # (m,) False: a false call


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """All images, one row for each true defect and one for each detection; image rows count from 0."""

    images: int
    defect_image: NDArray[np.intp]  # (n,)
    defect_class: NDArray[np.int32]  # (n,)
    size_px: NDArray[np.float64]  # (n,) √area: of the mask where there is one, else of the box
    hit_score: F32  # (n,) 0: missed at any threshold
    detection_image: NDArray[np.intp]  # (m,)
    detection_class: NDArray[np.int32]  # (m,)
    detection_score: F32  # (m,)
    matched: Bools  # (m,)
    mm_per_px: float | None
    class_matters: bool

    @property
    def unit(self) -> str:
        """Of `size`."""
        return "px" if self.mm_per_px is None else "mm"

    @property
    def size(self) -> NDArray[np.float64]:
        """Sizes `(n,)` in `unit`."""
        return self.size_px * (1.0 if self.mm_per_px is None else self.mm_per_px)

    def hit(self, threshold: Threshold) -> Bools:
        """Which defects `(n,)` are found with these thresholds; the comparison is that of the line's judge.

        Raises:
            ValueError: a threshold of 0 or less, or thresholds by class where classes were not told apart.
        """
        return self.hit_score >= self._limits(threshold, self.defect_class)

    def false_call(self, threshold: Threshold) -> Bools:
        """Which detections `(m,)` reach their threshold and show no true defect; raises ValueError as `hit` does."""
        return ~self.matched & (self.detection_score >= self._limits(threshold, self.detection_class))

    def _limits(self, threshold: Threshold, class_id: NDArray[np.int32]) -> F32:
        by_class = np.atleast_1d(np.asarray(threshold, np.float32))
        if not (by_class > 0).all():
            raise ValueError(f"threshold: expected more than 0, got {threshold}; 0 would count every miss as a hit")
        if np.ndim(threshold) == 0:
            return np.full(len(class_id), by_class[0], np.float32)
        if not self.class_matters:
            raise ValueError("thresholds by class: any class counted as a hit; filter the detections before matching")
        return by_class[class_id]


def match_all(
    truth: Sequence[Detections],
    found: Sequence[Detections],
    *,
    rule: Rule = "iou",
    iou: float = 0.5,
    class_matters: bool = True,
    mm_per_px: float | None = None,
) -> Matches:
    """Match image by image; both sequences are in the same order.

    Every row counts as a defect of its own: one physical defect seen in several images must be handed in once.

    Raises:
        ValueError: sequences of different lengths, an unknown rule, an IoU outside 0..1, a scale that is not positive.
    """
    if mm_per_px is not None and not mm_per_px > 0:
        raise ValueError(f"mm_per_px: expected more than 0, got {mm_per_px}")
    each = [
        match_image(t, f, rule=rule, iou=iou, class_matters=class_matters) for t, f in zip(truth, found, strict=True)
    ]
    nothing = Detections.empty()
    return Matches(
        images=len(each),
        defect_image=np.repeat(np.arange(len(each)), [len(t) for t in truth]),
        defect_class=np.concatenate([t.class_id for t in (*truth, nothing)]),
        size_px=np.concatenate([sizes_px(t) for t in (*truth, nothing)]),
        hit_score=np.concatenate([m.hit_score for m in each] or [nothing.score]),
        detection_image=np.repeat(np.arange(len(each)), [len(f) for f in found]),
        detection_class=np.concatenate([f.class_id for f in (*found, nothing)]),
        detection_score=np.concatenate([f.score for f in (*found, nothing)]),
        matched=np.concatenate([m.matched for m in each] or [np.zeros(0, np.bool_)]),
        mm_per_px=mm_per_px,
        class_matters=class_matters,
    )


def match_image(
    truth: Detections, found: Detections, *, rule: Rule = "iou", iou: float = 0.5, class_matters: bool = True
) -> ImageMatch:
    """Pair the true defects `(n,)` of one image with its detections `(m,)`.

    * `iou`: the boxes overlap by at least `iou`. The surest detection chooses first and takes the free defect it fits
      best; one detection a defect, one defect a detection. The hits at a threshold are those scored at or above it.
    * `centre`: the centre of the detection lies in the true box. Not the other way round: a detection as large as the
      image would find everything. For thin or ragged defects, whose boxes never fit well.
    * `overlap`: the boxes share an area or, where both sides have masks, a pixel. For tiny defects: one detection may
      cover several of them.

    Raises:
        ValueError: an unknown rule, or an IoU outside 0..1.
    """
    if rule not in ("iou", "centre", "overlap"):
        raise ValueError(f"rule: expected iou, centre or overlap, got {rule!r}")
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected more than 0 and at most 1, got {iou}")
    if not len(truth) or not len(found):
        return ImageMatch(np.zeros(len(truth), np.float32), np.zeros(len(found), np.bool_))
    allowed = np.ones((len(found), len(truth)), np.bool_)
    if class_matters:
        allowed = found.class_id[:, None] == truth.class_id[None, :]
    if rule == "iou":
        return _one_to_one(np.where(allowed, box_iou(found.xyxy, truth.xyxy), 0), found.score, iou)
    pairs = allowed & (_centre_inside(found, truth) if rule == "centre" else _touching(found, truth))
    best = np.where(pairs, found.score[:, None], np.float32(0)).max(axis=0)
    return ImageMatch(best, np.asarray(pairs.any(axis=1), np.bool_))


def sizes_px(truth: Detections) -> NDArray[np.float64]:
    """√area `(n,)` in px: of the mask, or of the box where there is none or it is empty."""
    area = box_area(truth.xyxy).astype(np.float64)
    if truth.masks is not None:
        of_mask = truth.area_px.astype(np.float64)
        area = np.where(of_mask > 0, of_mask, area)
    return np.sqrt(area)


def _one_to_one(overlap: F32, score: F32, least: float) -> ImageMatch:
    """Greedy by score, as COCO does it; of equal scores the earlier detection comes first."""
    count, defects = overlap.shape
    hit_score, matched = np.zeros(defects, np.float32), np.zeros(count, np.bool_)
    free = overlap.copy()
    for row in np.argsort(-score, kind="stable"):
        best = int(free[row].argmax())
        if free[row, best] >= least:
            hit_score[best], matched[row] = score[row], True
            free[:, best] = 0
    return ImageMatch(hit_score, matched)


def _centre_inside(found: Detections, truth: Detections) -> Bools:
    centre = (found.xyxy[:, None, :2] + found.xyxy[:, None, 2:]) / 2
    inside = (centre >= truth.xyxy[None, :, :2]) & (centre <= truth.xyxy[None, :, 2:])
    return np.asarray(inside.all(axis=2), np.bool_)


def _touching(found: Detections, truth: Detections) -> Bools:
    if found.masks is None or truth.masks is None:
        return box_iou(found.xyxy, truth.xyxy) > 0
    near = box_iou(_extents(found.masks), _extents(truth.masks)) > 0
    for row, column in np.argwhere(near):
        near[row, column] = mask_iou(found.masks[row], truth.masks[column]) > 0
    return near


def _extents(masks: Sequence[BoxMask]) -> F32:
    return np.array([mask.xyxy for mask in masks], np.float32).reshape(-1, 4)
