"""How doubtful a model is about an image, from the scores of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections
from lineproof.core.threshold import Threshold

HALVED_BY = 3.0  # a factor between odds: scores of a detector spread over decades, and its thresholds may lie at 0.03
DOUBTFUL = 0.5  # within that factor of the review band


@dataclass(frozen=True, slots=True)
class Doubt:
    """One figure for an image, and where it comes from."""

    value: float  # 0 sure of everything, 1 sure of nothing
    rows: tuple[int, ...]  # doubtful detections, the most doubtful first


def doubt_of(found: Detections, thresholds: Sequence[Threshold]) -> Doubt:
    """Doubt about an image from its detections; `thresholds` by class id.

    A detection's doubt d is 1 inside its class's review band and is halved by every factor of 3 between the odds of its
    score, p / (1 - p), and those of the band's nearer edge: what matters is not the score as such but how little would
    turn the decision. An image's doubt is `(max d + D / (1 + D)) / 2`, where D adds up d over the doubtful detections
    (d ≥ 0.5) – the expected number of boxes that a person would have to look at. The maximum asks whether there is a
    doubt at all, the sum prefers images that teach more than one thing; its bound keeps a texture with fifty weak boxes
    from winning every time (maximum and sum over boxes compared by Brust, Käding & Denzler, "Active learning for deep
    object detection", VISAPP 2019).
    """
    if not len(found):
        return Doubt(0.0, ())
    each = detection_doubts(found, thresholds)
    order = np.argsort(-each, kind="stable")
    rows = tuple(int(row) for row in order if each[row] >= DOUBTFUL)
    expected = float(each[list(rows)].sum())
    return Doubt(float((each.max() + expected / (1 + expected)) / 2), rows)


def detection_doubts(found: Detections, thresholds: Sequence[Threshold]) -> NDArray[np.float64]:
    """Doubts `(n,)` of detections, 0..1."""
    review = _log_odds(np.array([threshold.review_score for threshold in thresholds])[found.class_id])
    sure = _log_odds(np.array([threshold.score for threshold in thresholds])[found.class_id])
    score = _log_odds(found.score)
    away = np.maximum(np.maximum(review - score, score - sure), 0)
    return np.asarray(0.5 ** (away / np.log(HALVED_BY)), np.float64)


def _log_odds(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)), np.float64)
