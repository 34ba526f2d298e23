"""Detections to a verdict: pure functions of the detections, the limits and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision, Detections, Reason, Verdict
from lineproof.core.threshold import Threshold
from lineproof.errors import SettingsError
from lineproof.rules.tolerance import Rules, Tolerance
from lineproof.rules.zones import inside_any


@dataclass(frozen=True, slots=True)
class Limit:
    """A tolerance made concrete for one class of one bundle."""

    name: str
    class_id: int
    score: float
    review_score: float
    min_area_px2: float
    max_count: int
    zones: tuple[tuple[str, NDArray[np.float32]], ...]  # names and polygons (k, 2)


def compile_limits(
    rules: Rules, classes: tuple[str, ...], thresholds: dict[str, Threshold], score_floor: float
) -> tuple[Limit, ...]:
    """Rules and the bundle's own thresholds, resolved per class.

    Raises:
        SettingsError: a class the bundle does not know, or a threshold below the engine's floor (it could never act).
    """
    unknown = [name for name in rules.classes if name not in classes]
    if unknown:
        raise SettingsError(
            f"rules.classes.{unknown[0]}: the bundle has no such class", hint=f"it has {', '.join(classes)}"
        )
    limits = []
    for class_id, name in enumerate(classes):
        tolerance = rules.classes.get(name, rules.default)
        if not tolerance.ignore:
            limits.append(_limit(rules, tolerance, name, class_id, thresholds[name], score_floor))
    return tuple(limits)


def _limit(
    rules: Rules, tolerance: Tolerance, name: str, class_id: int, threshold: Threshold, score_floor: float
) -> Limit:
    score = threshold.score if tolerance.score is None else tolerance.score
    review = min(threshold.review_score, score) if tolerance.review_score is None else tolerance.review_score
    if review > score:
        raise SettingsError(f"rules.{name}.review_score {review} is above the bundle's threshold {score}")
    if review < score_floor:
        raise SettingsError(
            f"rules.{name}: threshold {review} lies below the bundle's score floor {score_floor}",
            hint=f"use {score_floor} or more",
        )
    min_area = tolerance.min_area_px2
    if tolerance.min_area_mm2 is not None and rules.mm_per_px is not None:
        min_area = max(min_area, tolerance.min_area_mm2 / rules.mm_per_px**2)
    zones = tuple((zone, np.array(rules.zones[zone].polygon, np.float32)) for zone in tolerance.zones)
    return Limit(name, class_id, score, review, min_area, tolerance.max_count, zones)


def per_zone(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """The same limits with each zone by itself, named class@zone, where that decides the same: no count is shared."""
    split: list[Limit] = []
    for limit in limits:
        if limit.max_count == 0 and limit.zones:
            split += [replace(limit, name=f"{limit.name}@{zone[0]}", zones=(zone,)) for zone in limit.zones]
        else:
            split.append(limit)
    return tuple(split)


def at_zone_thresholds(limits: tuple[Limit, ...], thresholds: Mapping[str, Threshold]) -> tuple[Limit, ...]:
    """Limits with a threshold of their own for some zones, by class@zone; unchanged where there is none."""
    if not thresholds:
        return limits
    return tuple(
        replace(limit, score=own.score, review_score=own.review_score)
        for limit in per_zone(limits)
        for own in [thresholds.get(limit.name, Threshold(limit.score, limit.review_score))]
    )


def judge(detections: Detections, limits: tuple[Limit, ...]) -> Verdict:
    """FAIL when a limit is surely exceeded, REVIEW when it may be, else PASS; every reason names its rule."""
    failed: list[Reason] = []
    unsure: list[Reason] = []
    area = detections.area_px
    for limit in limits:
        counts = counts_for(limit, detections, area)
        sure = np.flatnonzero(counts & (detections.score >= limit.score))
        maybe = np.flatnonzero(counts & (detections.score >= limit.review_score))
        if sure.size > limit.max_count:
            failed.extend(_reasons(limit, sure, detections, limit.score))
        elif maybe.size > limit.max_count:
            unsure.extend(_reasons(limit, maybe, detections, limit.review_score))
    if failed:
        return Verdict(Decision.FAIL, tuple(failed))
    if unsure:
        return Verdict(Decision.REVIEW, tuple(unsure))
    return Verdict(Decision.PASS)


def counts_for(limit: Limit, detections: Detections, area_px: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which detections `(n,)` a limit is about: of its class, large enough and in one of its zones, of any score."""
    counts = (detections.class_id == limit.class_id) & (area_px >= limit.min_area_px2)
    if limit.zones:
        counts &= inside_any(detections.xyxy, [polygon for _, polygon in limit.zones])
    return np.asarray(counts)


def _reasons(limit: Limit, rows: NDArray[np.intp], detections: Detections, threshold: float) -> list[Reason]:
    rule = f"{limit.name}.score" if limit.max_count == 0 else f"{limit.name}.max_count"
    allowed = "" if limit.max_count == 0 else f"; {rows.size} found, {limit.max_count} allowed"
    where = "" if not limit.zones else " in zone " + "/".join(name for name, _ in limit.zones)
    return [
        Reason(
            rule, f"{limit.name}{where}: score {float(detections.score[row]):.2f} ≥ {threshold:.2f}{allowed}", int(row)
        )
        for row in rows
    ]
