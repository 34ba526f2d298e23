"""A first operating point from validation parts: where each class is sure, and from where a person should look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections
from lineproof.core.threshold import Threshold

# With fewer positive parts than this a per-class optimum is noise; the usual starting point of detectors is used instead.
MIN_POSITIVES = 5
FALLBACK = Threshold(score=0.25, review_score=0.15)
MAX_MISS = 0.01  # the review band reaches down until at most this share of bad parts is missed …
MAX_REVIEW_OF_CLEAN = 0.05  # … unless more than this share of clean parts would have to be looked at


def choose_thresholds(
    truth: Sequence[Detections], found: Sequence[Detections], classes: Sequence[str], score_floor: float
) -> dict[str, Threshold]:
    """Thresholds by class name, from parts in matching order; the unit is the part, not the box.

    `score` is the best F1 of "this part has this class"; `review_score` lies below it and is bounded by both limits above.
    """
    result = {}
    for class_id, name in enumerate(classes):
        has = np.array([bool((t.class_id == class_id).any()) for t in truth], np.bool_)
        top = np.array([_top_score(f, class_id) for f in found], np.float64)
        result[name] = _choose(has, top, score_floor)
    return result


def _top_score(detections: Detections, class_id: int) -> float:
    scores = detections.score[detections.class_id == class_id]
    return float(scores.max()) if scores.size else 0.0


def _choose(has: NDArray[np.bool_], top: NDArray[np.float64], score_floor: float) -> Threshold:
    if has.sum() < MIN_POSITIVES:
        return Threshold(max(FALLBACK.score, score_floor), max(FALLBACK.review_score, score_floor))
    score = _best_f1(has, top, score_floor)
    return Threshold(round(score, 4), round(min(score, _review(has, top, score_floor)), 4))


def _best_f1(has: NDArray[np.bool_], top: NDArray[np.float64], score_floor: float) -> float:
    """The middle of the widest best step: halfway to the next score below, so that small shifts do not flip parts."""
    levels = np.unique(top[top >= score_floor])
    if levels.size == 0:
        return max(FALLBACK.score, score_floor)
    hits = np.array([(has & (top >= level)).sum() for level in levels], np.float64)
    flagged = np.array([(top >= level).sum() for level in levels], np.float64)
    best = int(np.argmax(2 * hits / (flagged + has.sum())))
    below = levels[best - 1] if best > 0 else score_floor
    return float((levels[best] + below) / 2)


def _review(has: NDArray[np.bool_], top: NDArray[np.float64], score_floor: float) -> float:
    """The highest score that misses at most MAX_MISS of the bad parts, kept above what would flood the reviewer."""
    bad = np.sort(top[has])
    allowed = int(np.floor(MAX_MISS * bad.size))
    wanted = float(bad[allowed]) - 1e-4  # a hair below, so that rounding keeps the part inside
    if (~has).any():
        wanted = max(wanted, float(np.quantile(top[~has], 1 - MAX_REVIEW_OF_CLEAN)))
    return max(wanted, score_floor)
