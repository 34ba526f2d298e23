"""From images to parts: what decides about each part, by column, before any threshold is chosen.

A column is one limit of the line: a class, or a class in a zone. Its score of an image is the score that the threshold
must stay above for the image to pass: the highest of what counts, or the (m + 1)-th highest where m such detections are
allowed. The line's rule for several views turns scores of images into one of the part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision, Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.rules.fusion import Fusion, needed
from lineproof.rules.judge import Limit, counts_for

Unit = Literal["part", "image"]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Columns for n parts; `score` is 0 where nothing was found."""

    names: tuple[str, ...]
    bad: NDArray[np.bool_]  # (n,)
    score: NDArray[np.float64]  # (n, k)
    columns: tuple[str, ...]  # names of the k columns
    group: NDArray[np.int64]  # (n,) parts of one number are resampled together
    images: tuple[NDArray[np.int64], ...]  # of each part, the rows of its samples
    by_image: NDArray[np.float64]  # (images, k) before views were put together

    def __len__(self) -> int:
        """How many parts."""
        return len(self.names)

    def rejected(self, threshold: Sequence[float]) -> NDArray[np.bool_]:
        """Which parts `(n,)` reach the threshold of a column; compared in float32, as the line does."""
        return np.asarray((self.score.astype(np.float32) >= np.asarray(threshold, np.float32)).any(axis=1))

    def passed(self, limits: Sequence[Limit]) -> NDArray[np.bool_]:
        """Which parts `(n,)` pass at limits that are the columns."""
        return ~self.rejected([limit.review_score for limit in limits])

    def decisions(self, thresholds: Sequence[Threshold]) -> tuple[Decision, ...]:
        """FAIL, REVIEW or PASS of each part, at one threshold a column."""
        fails = self.rejected([t.score for t in thresholds])
        review = self.rejected([t.review_score for t in thresholds])
        return tuple(
            Decision.FAIL if fail else Decision.REVIEW if look else Decision.PASS
            for fail, look in zip(fails.tolist(), review.tolist(), strict=True)
        )


def parts_of(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    limits: tuple[Limit, ...],
    *,
    names: Sequence[str] | None = None,
    unit: Unit = "part",
    fusion: Fusion = "any",
) -> Parts:
    """One row a part, in the order of first appearance; bad is what the line's limits do not tolerate on any image.

    With `unit="image"` every image counts as a part of its own name – the same part shown again – and its group says
    what is resampled together.
    """
    by_image = np.array([_scores(detections, limits) for detections in found], np.float64)
    by_image = by_image.reshape(len(samples), len(limits))
    bad = np.array([any(_scores(sample.truth, limits)) for sample in samples], np.bool_)
    _, group = np.unique([sample.group for sample in samples], return_inverse=True)
    columns = tuple(limit.name for limit in limits)
    if unit == "image":
        rows = tuple(np.array([row]) for row in range(len(samples)))
        own = tuple(names) if names is not None else tuple(sample.image.name for sample in samples)
        return Parts(own, bad, by_image, columns, group.astype(np.int64), rows, by_image)
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        members[sample.group].append(row)
    rows = tuple(np.array(views, np.int64) for views in members.values())
    return Parts(
        tuple(members),
        np.array([bad[views].any() for views in rows], np.bool_),
        np.array([_fused(by_image[views], fusion) for views in rows], np.float64).reshape(len(rows), len(limits)),
        columns,
        np.arange(len(rows)),
        rows,
        by_image,
    )


def _scores(detections: Detections, limits: tuple[Limit, ...]) -> list[float]:
    """Of one image, per limit."""
    area = detections.area_px
    result = []
    for limit in limits:
        scores = np.sort(detections.score[counts_for(limit, detections, area)])[::-1]
        result.append(float(scores[limit.max_count]) if scores.size > limit.max_count else 0.0)
    return result


def _fused(score: NDArray[np.float64], fusion: Fusion) -> NDArray[np.float64]:
    """Of views `(v, k)`: a threshold below the n-th highest score is reached by n views."""
    views = needed(fusion, len(score))
    ordered = np.sort(score, axis=0)[::-1]
    return np.asarray(ordered[views - 1])
