"""Annotations that detectors trained on other parts contradict: no such defect, another class, another place, one more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections, Sample
from lineproof.core.boxes import box_iou
from lineproof.data.suspects.suspect import Kind, Suspect

SAME_IOU = 0.5  # the usual limit of a hit
NONE_IOU = 0.1  # less overlap is none
CONFIDENT = 0.4  # score from which a detection can contradict a person


def detection_suspects(samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str]) -> list[Suspect]:
    """Suspects from out-of-fold detections of every sample, kept down to a low score.

    That a box is not found says little where its class is mostly missed: it counts by the share of its class that is.
    """
    recall = _recall(samples, found, len(classes))
    suspects: list[Suspect] = []
    for sample, seen in zip(samples, found, strict=True):
        overlap = box_iou(sample.truth.xyxy, seen.xyxy)
        for row in range(len(sample.truth)):
            suspects += _about_box(sample, row, seen, overlap[row], recall, classes)
        suspects += _missing(sample, seen, overlap, classes)
    return suspects


def _recall(samples: Sequence[Sample], found: Sequence[Detections], classes: int) -> NDArray[np.float64]:
    """Share of each class's boxes `(classes,)` that a confident detection of the class meets."""
    hits, total = np.zeros(classes), np.zeros(classes)
    for sample, seen in zip(samples, found, strict=True):
        good = box_iou(sample.truth.xyxy, seen.xyxy) >= SAME_IOU
        good &= sample.truth.class_id[:, None] == seen.class_id[None]
        good &= seen.score[None] >= CONFIDENT / 2
        np.add.at(hits, sample.truth.class_id, good.any(axis=1))
        np.add.at(total, sample.truth.class_id, 1)
    return np.asarray(hits / np.maximum(total, 1), np.float64)


def _about_box(
    sample: Sample,
    row: int,
    seen: Detections,
    overlap: NDArray[np.float32],
    recall: NDArray[np.float64],
    classes: Sequence[str],
) -> list[Suspect]:
    """At most one suspicion about one annotated box, the first that applies."""
    own = int(sample.truth.class_id[row])
    given = classes[own]
    touching = overlap > NONE_IOU
    if not touching.any():
        share = float(recall[own])
        reason = f"no model finds anything here, and they find {share:.0%} of {given}"
        return [_suspect(sample, row, "spurious", share, given, "", reason)]
    same = seen.class_id == own
    hit = overlap >= SAME_IOU
    agrees = float(seen.score[hit & same].max(initial=0))
    other = np.where(hit & ~same, seen.score, 0)
    if other.max(initial=0) >= max(CONFIDENT, agrees):
        best = int(other.argmax())
        suggested, score = classes[int(seen.class_id[best])], float(other[best])
        reason = f"found as {suggested} (score {score:.2f}), not as {given} ({agrees:.2f})"
        return [_suspect(sample, row, "class", (1 + score - agrees) / 2, given, suggested, reason)]
    best_score = float(seen.score[touching].max())
    if not (hit & (seen.score >= CONFIDENT / 4)).any() and best_score >= CONFIDENT:
        best = int(np.where(touching, seen.score, 0).argmax())
        taken = box_iou(sample.truth.xyxy, seen.xyxy[best : best + 1])[:, 0]
        if taken.max() < SAME_IOU:  # else it is another box's
            covers = float(overlap[best])
            reason = f"found with score {best_score:.2f} in another place or size: the boxes share {covers:.0%}"
            suggested = classes[int(seen.class_id[best])]
            return [_suspect(sample, row, "misplaced", best_score * (1 - covers), given, suggested, reason)]
    if best_score < CONFIDENT / 8:
        share = float(recall[own]) * (1 - best_score / CONFIDENT)
        reason = f"the best model gives it {best_score:.2f}, and they find {recall[own]:.0%} of {given}"
        return [_suspect(sample, row, "spurious", share, given, "", reason)]
    return []


def _missing(sample: Sample, seen: Detections, overlap: NDArray[np.float32], classes: Sequence[str]) -> list[Suspect]:
    """Confident detections where nothing is annotated."""
    free = overlap.max(axis=0, initial=0) <= NONE_IOU
    suspects = []
    for place in np.flatnonzero(free & (seen.score >= CONFIDENT)).tolist():
        name, score = classes[int(seen.class_id[place])], float(seen.score[place])
        x1, y1, x2, y2 = (float(v) for v in seen.xyxy[place])
        reason = f"{name} found with score {score:.2f}, and nothing is annotated here"
        suspects.append(Suspect(sample, -1, "missing", (x1, y1, x2, y2), score, "", name, reason))
    return suspects


def _suspect(
    sample: Sample, row: int, kind: Kind, suspicion: float, given: str, suggested: str, reason: str
) -> Suspect:
    x1, y1, x2, y2 = (float(v) for v in sample.truth.xyxy[row])
    return Suspect(sample, row, kind, (x1, y1, x2, y2), suspicion, given, suggested, reason)
