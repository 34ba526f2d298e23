"""A record beside the same image inspected again: same or different, field by field.

Both sides are rows (`rows.row_of`): rounded alike, so that on the hardware that decided every number comes out equal. Other
hardware may be off by what the bundle allows its probes (0.02 of a score, an overlap of 0.9 unless sealed otherwise).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lineproof.core.boxes import box_iou

Row = Mapping[str, Any]
Found = Sequence[Mapping[str, Any]]

PAIR_IOU = 0.5  # two detections of one class with less overlap are two detections, as for probes
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two runs may be and still say the same."""

    score: float  # largest difference of a score, and of a number in a reason's words
    box_iou: float  # least overlap of two boxes
    floor: float = 0.0  # the engine's: a detection this near to it may be there or not


@dataclass(frozen=True, slots=True)
class Field:
    """One thing compared."""

    name: str
    recorded: str
    again: str
    same: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything compared, and how far the numbers were apart."""

    fields: tuple[Field, ...]
    max_score_difference: float
    min_box_iou: float

    @property
    def same(self) -> bool:
        """Every field is."""
        return all(field.same for field in self.fields)

    @property
    def identical(self) -> bool:
        """Same, and no number differs at all."""
        return self.same and self.max_score_difference == 0 and self.min_box_iou == 1


def compare(recorded: Row, again: Row, tolerance: Tolerance) -> Comparison:
    """Compare a record with the row of the same image inspected again.

    The decision and the reasons of a FAULT are not compared: the line gave it, no image did. `bundle_digest`, `line_digest`
    and what the image is must be equal; the provider is told, and never makes a difference of its own.
    """
    fields = [_equal(name, recorded, again) for name in ("bundle_digest", "line_digest", "image_width", "image_height")]
    provider = _equal("provider", recorded, again)
    fields.append(Field(provider.name, provider.recorded, provider.again, same=True))
    if recorded["decision"] != "FAULT":
        fields.append(_equal("decision", recorded, again))
        fields += _reasons(recorded["reasons"], again["reasons"], tolerance)
    pairs = pair(recorded["detections"], again["detections"])
    fields.append(_detections(recorded["detections"], again["detections"], pairs, tolerance))
    scores = [abs(one["score"] - other["score"]) for one, other, _ in pairs]
    overlaps = [overlap for *_, overlap in pairs]
    worst_score, worst_iou = max(scores, default=0.0), min(overlaps, default=1.0)
    fields += [
        Field("scores", "", f"off by {worst_score:.6f} at most", same=worst_score <= tolerance.score),
        Field("boxes", "", f"overlap by {worst_iou:.4f} at least", same=worst_iou >= tolerance.box_iou),
    ]
    return Comparison(tuple(fields), worst_score, worst_iou)


def pair(recorded: Found, again: Found) -> list[tuple[Mapping[str, Any], Mapping[str, Any], float]]:
    """Detections of one class that overlap, each at most once, best overlap first: recorded, again, their IoU."""
    if not recorded or not again:
        return []
    overlaps = box_iou(_boxes(recorded), _boxes(again))
    classes = np.array([[one["class"] == other["class"] for other in again] for one in recorded])
    # A box without an area overlaps nothing: it is the same where its edges are.
    equal = np.array([[one["box"] == other["box"] for other in again] for one in recorded])
    overlaps = np.where(classes, np.where(equal, 1.0, overlaps), 0.0)
    pairs: list[tuple[Mapping[str, Any], Mapping[str, Any], float]] = []
    for place in np.argsort(-overlaps, axis=None, kind="stable"):
        row, column = (int(index) for index in np.unravel_index(place, overlaps.shape))
        overlap = float(overlaps[row, column])
        if overlap < PAIR_IOU:
            break
        if all(recorded[row] is not one and again[column] is not other for one, other, _ in pairs):
            pairs.append((recorded[row], again[column], overlap))
    return pairs


def _boxes(found: Found) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array([one["box"] for one in found], np.float32).reshape(-1, 4)


def _equal(name: str, recorded: Row, again: Row) -> Field:
    return Field(name, str(recorded[name]), str(again[name]), same=recorded[name] == again[name])


def _reasons(recorded: Found, again: Found, tolerance: Tolerance) -> list[Field]:
    """The rules that spoke, in order; and their words, which name scores and thresholds."""
    rules = [[reason["rule"] for reason in side] for side in (recorded, again)]
    texts = [[reason["text"] for reason in side] for side in (recorded, again)]
    told = _differing(texts[0], texts[1], lambda one, other: same_words(one, other, tolerance.score))
    return [
        Field("rules", _list(rules[0]), _list(rules[1]), same=rules[0] == rules[1]),
        Field("thresholds and reasons", *(told or (_list(texts[0]), _list(texts[1]))), same=told is None),
    ]


def _list(words: list[str]) -> str:
    return "; ".join(words) or "none"


def _differing(one: list[str], other: list[str], same: Callable[[str, str], bool]) -> tuple[str, str] | None:
    """The first texts that are not the same."""
    for number in range(max(len(one), len(other))):
        left = one[number] if number < len(one) else "–"
        right = other[number] if number < len(other) else "–"
        if not same(left, right):
            return left, right
    return None


def same_words(one: str, other: str, tolerance: float) -> bool:
    """The same words, and numbers no further apart than a score may be; rounding them may add the last digit shown."""
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    numbers = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(abs(float(left) - float(right)) <= tolerance + 0.01 for left, right in numbers)


def _detections(
    recorded: Found,
    again: Found,
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], float]],
    tolerance: Tolerance,
) -> Field:
    """How many, and those without a partner; one near the floor is not held against the run."""
    lost = [one for one in recorded if all(one is not left for left, *_ in pairs)]
    new = [one for one in again if all(one is not right for _, right, _ in pairs)]
    alone = [one for one in (*lost, *new) if one["score"] > tolerance.floor + tolerance.score]
    return Field("detections", _told(recorded, lost), _told(again, new), same=not alone)


def _told(found: Found, alone: Found) -> str:
    words = ", ".join(f"{one['class']} {one['score']:.3f} at {one['box']}" for one in alone)
    return f"{len(found)}" + (f", only here: {words}" if alone else "")
