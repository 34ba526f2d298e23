"""Why an image was chosen, in words."""

from __future__ import annotations

from collections.abc import Sequence

from lineproof.core import Detections
from lineproof.core.threshold import Threshold
from lineproof.data.formats.wording import count
from lineproof.data.pick.doubt import Doubt


def reason(
    found: Detections,
    doubt: Doubt,
    classes: Sequence[str],
    thresholds: Sequence[Threshold],
    times_typical: float | None,
) -> str:
    """One line: what the model doubts, and how new the image is.

    `times_typical` is its distance from everything annotated or chosen before, in typical distances; None for the first
    of all. Without a model, `classes` are empty.
    """
    told = [doubts(found, doubt, classes) + _band(found, doubt, thresholds)] if classes else []
    return "; ".join([*told, _newness(times_typical)])


def doubts(found: Detections, doubt: Doubt, classes: Sequence[str]) -> str:
    """What the model doubts most, in a few words."""
    if not doubt.rows:
        return "nothing found" if not len(found) else f"sure of what it found, {count(len(found), 'detection')}"
    first = doubt.rows[0]
    more = f" and {len(doubt.rows) - 1} more" if len(doubt.rows) > 1 else ""
    return f"doubts {classes[int(found.class_id[first])]} {found.score[first]:.2f}{more}"


def _band(found: Detections, doubt: Doubt, thresholds: Sequence[Threshold]) -> str:
    """Where the decision about the most doubtful detection would turn."""
    if not doubt.rows:
        return ""
    limit = thresholds[int(found.class_id[doubt.rows[0]])]
    if limit.score > limit.review_score:
        return f" (for review from {limit.review_score:.2f} to {limit.score:.2f})"
    return f" (counts from {limit.score:.2f})"


def _newness(times_typical: float | None) -> str:
    if times_typical is None:
        return "the first of all"
    if times_typical > 1.5:
        return f"unlike anything annotated or chosen before ({times_typical:.1f} × the usual distance)"
    return (
        f"as new as most ({times_typical:.1f} ×)"
        if times_typical > 0.75
        else f"close to another ({times_typical:.1f} ×)"
    )
