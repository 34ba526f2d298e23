"""How doubtful a model is about an image, from the scores of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections
from lineproof.core.threshold import Threshold

DOUBTFUL = 0.5  # closer to the review band than to certainty


@dataclass(frozen=True, slots=True)
class Doubt:
    """One figure for an image, and where it comes from."""

    value: float  # 0 sure of everything, 1 sure of nothing
    rows: tuple[int, ...]  # doubtful detections, the most doubtful first


def doubt_of(found: Detections, thresholds: Sequence[Threshold], floor: float) -> Doubt:
    """Doubt about an image from its detections; `thresholds` by class id, `floor` is the lowest score the engine keeps.

    A detection's doubt d is 1 inside its class's review band and falls straight to 0 at the floor and at score 1: what
    matters is not the score as such but how little would turn the decision. An image's doubt is
    `(max d + D / (1 + D)) / 2`, where D adds up d over the doubtful detections (d ≥ 0.5) – the expected number of boxes
    that a person would have to look at. The maximum asks whether there is a doubt at all, the sum prefers images that
    teach more than one thing; its bound keeps a texture with fifty weak boxes from winning every time (maximum and sum
    over boxes compared by Brust, Käding & Denzler, "Active learning for deep object detection", VISAPP 2019).
    """
    if not len(found):
        return Doubt(0.0, ())
    each = detection_doubts(found, thresholds, floor)
    order = np.argsort(-each, kind="stable")
    rows = tuple(int(row) for row in order if each[row] >= DOUBTFUL)
    expected = float(each[list(rows)].sum())
    return Doubt(float((each.max() + expected / (1 + expected)) / 2), rows)


def detection_doubts(found: Detections, thresholds: Sequence[Threshold], floor: float) -> NDArray[np.float64]:
    """Doubts `(n,)` of detections, 0..1."""
    review = np.array([threshold.review_score for threshold in thresholds])[found.class_id]
    sure = np.array([threshold.score for threshold in thresholds])[found.class_id]
    score = found.score.astype(np.float64)
    below = (score - floor) / np.maximum(review - floor, 1e-9)
    above = (1 - score) / np.maximum(1 - sure, 1e-9)
    return np.asarray(np.clip(np.minimum(below, above), 0, 1), np.float64)
