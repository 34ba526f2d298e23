"""The defects of a split that the line must not tolerate, one row each, and whether the line saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections
from lineproof.proof.parts import Parts
from lineproof.proof.pod.matching import Matches, Rule, match_all
from lineproof.proof.seen import Seen
from lineproof.rules.judge import Limit, counts_for

Bools = NDArray[np.bool_]

# Detections were filtered by the line's own thresholds before they are matched: every one left counts.
ANY_SCORE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Defects:
    """Defects, and the images they were counted on."""

    matches: Matches
    limit: tuple[str, ...]  # (n,) the limit that a defect falls under: class, or class@zone
    image: NDArray[np.int64]  # (n,) row of the image among those seen
    scores: NDArray[np.float32]  # (n,) of the surest detection that fits, at any threshold; 0: none at all

    @property
    def seen(self) -> Bools:
        """Which defects `(n,)` stop their part."""
        return self.matches.hit(ANY_SCORE)


def defects_of(
    seen: Seen,
    parts: Parts,
    limits: tuple[Limit, ...],
    *,
    rule: Rule,
    class_matters: bool = True,
    mm_per_px: float | None = None,
    once: bool = False,
) -> Defects:
    """Match what is there with what stops a part at these limits.

    Of several views of a part the defects of the first that shows any are counted; with `once` also of a part that was
    shown again and again, as its group says: nobody can tell which defects of two images are the same.
    """
    shown = _together(parts) if once else parts.images
    rows = [_first_view(views, seen, limits) for views in shown]
    truth = [_counting(seen.samples[row].truth, limits) for row in rows]
    names = [name for row in rows for name in _limit_names(seen.samples[row].truth, limits)]
    at_limits = [stopping(seen.found[row], limits) for row in rows]
    found = [seen.found[row] for row in rows]
    matches = match_all(truth, at_limits, rule=rule, class_matters=class_matters, mm_per_px=mm_per_px)
    at_any = match_all(truth, found, rule=rule, class_matters=class_matters)
    return Defects(matches, tuple(names), np.array(rows, np.int64)[matches.defect_image], at_any.hit_score)


def _together(parts: Parts) -> list[NDArray[np.int64]]:
    """The images of each group."""
    return [
        np.concatenate([parts.images[row] for row in np.flatnonzero(parts.group == group)])
        for group in np.unique(parts.group)
    ]


def _first_view(part: NDArray[np.int64], seen: Seen, limits: tuple[Limit, ...]) -> int:
    """The image of a part that its defects are counted on: the first that shows one."""
    showing = (int(row) for row in part if len(_counting(seen.samples[row].truth, limits)))
    return next(showing, int(part[0]))


def stopping(found: Detections, limits: tuple[Limit, ...]) -> Detections:
    """The detections of an image that reach the threshold of a limit: those for which its part does not pass."""
    return found[_counts(found, limits, [limit.review_score for limit in limits])]


def _counting(truth: Detections, limits: tuple[Limit, ...]) -> Detections:
    return truth[_counts(truth, limits, [0.0] * len(limits))]


def _counts(detections: Detections, limits: tuple[Limit, ...], least: Sequence[float]) -> Bools:
    """Which detections a limit is about, from these scores on; all limits without zones are asked at once."""
    if not len(detections):
        return np.zeros(0, np.bool_)
    area = detections.area_px
    score_of, area_of = np.full((2, int(detections.class_id.max()) + 1), np.inf, np.float32)
    rows = np.zeros(len(detections), np.bool_)
    for limit, score in zip(limits, least, strict=True):
        if limit.zones:
            rows |= counts_for(limit, detections, area) & (detections.score >= score)
        elif limit.class_id < len(score_of):
            score_of[limit.class_id], area_of[limit.class_id] = score, limit.min_area_px2
    class_id = detections.class_id
    return np.asarray(rows | ((detections.score >= score_of[class_id]) & (area >= area_of[class_id])))


def _limit_names(truth: Detections, limits: tuple[Limit, ...]) -> Sequence[str]:
    area = truth.area_px
    names = [""] * len(truth)
    for limit in limits:
        for row in np.flatnonzero(counts_for(limit, truth, area)):
            names[row] = names[row] or limit.name
    return [name for name in names if name]
