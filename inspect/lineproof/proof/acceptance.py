"""An acceptance: thresholds from the calibration parts, then one look at the locked parts, and all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineproof.core import Decision
from lineproof.core.threshold import Threshold
from lineproof.errors import GateError
from lineproof.proof.claim import Claims, claims_of
from lineproof.proof.counts.clusters import Clustering, clustering, count_by_part
from lineproof.proof.counts.planner import Supportable
from lineproof.proof.defects import ANY_SCORE, Defects, defects_of
from lineproof.proof.parts import Parts, Unit, parts_of
from lineproof.proof.pod.false_calls import FalseCalls
from lineproof.proof.pod.logistic import HitMiss
from lineproof.proof.pod.matching import Rule
from lineproof.proof.pod.probability import Pod, pod_by_class, probability_of_detection
from lineproof.proof.point.answer import NotDemonstrated, OperatingPoint
from lineproof.proof.point.ask import ReviewBudget, Target
from lineproof.proof.point.choose import choose_operating_point
from lineproof.proof.point.cost import Costs
from lineproof.proof.rates import Rate
from lineproof.proof.seen import Seen
from lineproof.proof.slices import Slice, slices_by_name, slices_by_value
from lineproof.proof.worst import Worst, worst_of
from lineproof.rules.fusion import Fusion
from lineproof.rules.judge import Limit

# Escape rates that people ask for; without a target the plan is made for the next one below what was shown.
ROUND_RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0001)
ALL = "all defects"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what counts."""

    ask: Target | Costs | None = None  # None: the thresholds stay as they are
    review: ReviewBudget | None = None
    unit: Unit = "part"
    fusion: Fusion = "any"
    rule: Rule = "iou"
    class_matters: bool = True
    mm_per_px: float | None = None
    confidence: float = 0.95
    goal: float | None = None  # the escape rate that the plan is made for

    @property
    def plan_for(self) -> float | None:
        """The escape rate that was asked for in any way."""
        return self.goal if self.goal is not None else self.ask.escape if isinstance(self.ask, Target) else None


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The limits that decide, and how they were found."""

    limits: tuple[Limit, ...]
    answer: OperatingPoint | NotDemonstrated | None  # None: nothing was asked
    calibration: Parts | None

    @property
    def thresholds(self) -> dict[str, Threshold]:
        """By class or class@zone."""
        return {limit.name: Threshold(limit.score, limit.review_score) for limit in self.limits}


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """What the locked parts show."""

    point: Point
    parts: Parts
    decisions: tuple[Decision, ...]
    claims: Claims
    repeats: Clustering | None  # of images of one group counted one by one; None where every row is a part
    pods: dict[str, Pod]  # ALL first, then by class
    defects: Defects
    slices: tuple[Slice, ...]
    worst: Worst
    plan: Supportable | None  # None: no bad part
    latency_p99_ms: float


def choose_point(limits: tuple[Limit, ...], calibration: Seen | None, question: Question, score_floor: float) -> Point:
    """Limits with the thresholds that answer the question; as they were where nothing is asked or nothing is shown.

    Raises:
        GateError: a question, and no calibration parts to answer it from.
        InputError: as `choose_operating_point`.
    """
    if question.ask is None:
        return Point(limits, None, None)
    if calibration is None:
        raise GateError(
            "no calibration parts to choose thresholds from", hint="name a split that has some: --calibrate"
        )
    parts = parts_of(
        calibration.samples,
        calibration.found,
        limits,
        names=calibration.names,
        unit=question.unit,
        fusion=question.fusion,
    )
    answer = choose_operating_point(
        parts.bad,
        parts.score,
        parts.group,
        parts.columns,
        question.ask,
        score_floor=score_floor,
        review=question.review,
    )
    if isinstance(answer, NotDemonstrated):
        return Point(limits, answer, parts)
    chosen = tuple(replace(limit, **answer.thresholds[limit.name]._asdict()) for limit in limits)
    return Point(chosen, answer, parts)


def accept(point: Point, seen: Seen, classes: Sequence[str], question: Question) -> Acceptance:
    """Everything that the locked parts show at these limits; nothing is chosen on them."""
    limits = point.limits
    parts = parts_of(seen.samples, seen.found, limits, names=seen.names, unit=question.unit, fusion=question.fusion)
    decisions = parts.decisions([Threshold(limit.score, limit.review_score) for limit in limits])
    claims = claims_of(parts, decisions)
    defects = _defects(seen, parts, limits, question, once=False)
    again = len(np.unique(parts.group)) < len(parts)
    once = _defects(seen, parts, limits, question, once=True) if again else defects
    return Acceptance(
        point,
        parts,
        decisions,
        claims,
        _repeats(parts, decisions) if question.unit == "image" else None,
        _pods(once, seen, parts, classes),
        defects,
        _slices(defects, seen),
        worst_of(parts, decisions, defects, defects.matches.unit),
        _plan(claims, question),
        float(np.quantile(seen.latency_ms, 0.99, method="higher")) if len(seen.latency_ms) else 0.0,
    )


def _defects(seen: Seen, parts: Parts, limits: tuple[Limit, ...], question: Question, *, once: bool) -> Defects:
    return defects_of(
        seen,
        parts,
        limits,
        rule=question.rule,
        class_matters=question.class_matters,
        mm_per_px=question.mm_per_px,
        once=once,
    )


def _repeats(parts: Parts, decisions: tuple[Decision, ...]) -> Clustering | None:
    bad = parts.bad
    if not bad.any():
        return None
    passed = np.array([decision is Decision.PASS for decision in decisions])
    return clustering(count_by_part(parts.group[bad], passed[bad]))


def _pods(defects: Defects, seen: Seen, parts: Parts, classes: Sequence[str]) -> dict[str, Pod]:
    """Of all defects together, then of each class that has any."""
    matches, hit = defects.matches, defects.seen
    calls = np.zeros(matches.images, np.int64)
    np.add.at(calls, matches.detection_image[~matches.matched], 1)
    scale = matches.mm_per_px or 1.0
    _, first = np.unique(parts.group, return_index=True)
    shown = [seen.samples[int(parts.images[row][0])].image_wh for row in first]
    area = sum(w * h for w, h in shown) * scale**2
    false = FalseCalls(int(calls.sum()), Rate(int((calls > 0).sum()), matches.images), area or None, f"{matches.unit}²")
    together = probability_of_detection(
        HitMiss.single(matches.size, hit), name=ALL, unit=matches.unit, false_calls=false if matches.images else None
    )
    each = pod_by_class(matches, classes, ANY_SCORE, area=area or None)
    return {ALL: together} | {name: pod for name, pod in each.items() if pod.found.of}


def _slices(defects: Defects, seen: Seen) -> tuple[Slice, ...]:
    found, image = defects.seen, defects.image
    if not found.size:
        return ()
    rows = [
        *slices_by_name("zone" if any("@" in name for name in defects.limit) else "class", defects.limit, found),
        *slices_by_value("size", defects.matches.size, found, defects.matches.unit),
        *slices_by_value("brightness", seen.brightness[image], found),
        *slices_by_value("sharpness", seen.sharpness[image], found),
    ]
    sources = [seen.names[row].rpartition("/")[0] for row in image.tolist()]
    if len(set(sources)) > 1:
        rows += slices_by_name("source", sources, found)
    return tuple(rows)


def _plan(claims: Claims, question: Question) -> Supportable | None:
    shown = claims.escape.upper(question.confidence)
    goal = question.plan_for or next((rate for rate in ROUND_RATES if rate < shown), ROUND_RATES[-1])
    return claims.plan(goal, question.confidence)
