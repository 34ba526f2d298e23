"""Figures of a classifier: the unit is the image, whatever boxes its truth was drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision, Detections, Sample
from lineproof.proof.average_precision import known_figure
from lineproof.proof.rates import LineRates, Outcome, Rate, line_rates
from lineproof.rules.judge import Limit, judge


@dataclass(frozen=True, slots=True)
class ImageEvaluation:
    """Figures for the engineer (average precision by image) and for the plant (rates), with what they were measured on."""

    images: int
    groups: int
    per_class: dict[str, float]  # average precision by class name; nan for a class without truth
    right: Rate  # good images that passed and bad ones that did not, of all
    rates: LineRates
    decisions: tuple[Decision, ...]  # in the order of the samples

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes with truth; nan without any."""
        known = [value for value in self.per_class.values() if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    def as_dict(self) -> dict[str, object]:
        """For JSON; a class without truth is null."""
        return {
            "images": self.images,
            "groups": self.groups,
            "image_level": {
                "mAP": _rounded(self.mean_average_precision),
                "per_class": {name: {"AP": _rounded(value)} for name, value in self.per_class.items()},
            },
            "right": self.right.as_dict(),
            **self.rates.as_dict(),
        }


def evaluate_images(
    samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str], limits: tuple[Limit, ...]
) -> ImageEvaluation:
    """Score a classifier's detections against which classes each image truly has."""
    decisions = tuple(judge(detections, limits).decision for detections in found)
    outcomes = [Outcome(bad=not s.ok, decision=d) for s, d in zip(samples, decisions, strict=True)]
    right = sum(outcome.bad != (outcome.decision is Decision.PASS) for outcome in outcomes)
    return ImageEvaluation(
        images=len(samples),
        groups=len({sample.group for sample in samples}),
        per_class={
            name: image_average_precision(
                np.array([bool((s.truth.class_id == class_id).any()) for s in samples], np.bool_),
                np.array([_top_score(f, class_id) for f in found], np.float64),
            )
            for class_id, name in enumerate(classes)
        },
        right=Rate(right, len(outcomes)),
        rates=line_rates(outcomes),
        decisions=decisions,
    )


def image_average_precision(has: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Σ (Rₙ - Rₙ₋₁) Pₙ over images `(n,)` from the highest score down; equal scores are one step; nan without truth.

    Not interpolated, as scikit-learn's `average_precision_score`. Images below the engine's score floor all count as 0.
    """
    if not has.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    hits = np.cumsum(has[order])[ends].astype(np.float64)
    precision, recall = hits / (ends + 1), hits / has.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _top_score(found: Detections, class_id: int) -> float:
    """With regions a class may be found in several."""
    return float(found.score[found.class_id == class_id].max(initial=0.0))


def _rounded(value: float) -> float | None:
    known = known_figure(value)
    return None if known is None else round(known, 4)
