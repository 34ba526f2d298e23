"""The thresholds that a plant runs with: chosen by price or by a target for escapes, with what that is known to give.

Calibrators are fitted on one half of the parts, and the other half guarantees or measures, so that no part speaks for
thresholds that it shaped. The halves are drawn by group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lineproof.core.threshold import Threshold
from lineproof.errors import InputError
from lineproof.proof.counts.counted import counted
from lineproof.proof.point.answer import NotDemonstrated, OperatingPoint
from lineproof.proof.point.ask import ReviewBudget, Target
from lineproof.proof.point.calibration import F64, LEAST_OF_EACH, AsIs, Bools
from lineproof.proof.point.cost import Costs
from lineproof.proof.point.family import STEPS, Family, Steps, family_of, fit_family, rejects
from lineproof.proof.point.guarantee import (
    Guarantee,
    Unit,
    allowed_misses,
    bad_parts_needed,
    best_claim,
    loosest_threshold,
)
from lineproof.proof.point.halves import CalibrationParts, Groups, shape_half


def choose_operating_point(
    bad: Bools,
    score: F64,
    group: Groups,
    columns: Sequence[str],
    ask: Target | Costs,
    *,
    score_floor: float,
    review: ReviewBudget | None = None,
    seed: int = 0,
) -> OperatingPoint | NotDemonstrated:
    """Choose the thresholds of all columns at once.

    For a target half of the parts shape the family, unless there is one column, whose family is all its thresholds
    anyway, or the other half has too few bad parts to show the target: then no part is spent, and all columns share one
    threshold. Counts alone decide that, never a score. Prices choose on the half that shapes.

    Where parts share groups, a group is the unit of the guarantee, and missed as soon as one of its bad parts passes.

    Args:
        bad: `(n,)` which parts are bad.
        score: `(n, columns)` highest score of each column, 0 where nothing was found.
        group: `(n,)` parts that belong together; each its own where they are independent.
        columns: a name for each: a class, or a class inside a zone.
        ask: a target for escapes, or prices.
        score_floor: the lowest score that the engine reports; no threshold is below it.
        review: how many parts people can look at; without it, and without a price of review, no part is sent there.
        seed: of the halves.

    Raises:
        ValueError: arrays that do not match, scores outside 0..1, a floor outside 0..1, names that are no names.
        InputError: no parts; for prices, a half without good or without bad parts; a budget without good parts.
    """
    parts = CalibrationParts(bad, score, group)
    if score.shape[1] != len(columns) or len(set(columns)) != len(columns) or not columns:
        raise ValueError(f"columns: expected {score.shape[1]} different names, got {list(columns)}")
    if not 0 < score_floor < 1:
        raise ValueError(f"score_floor: expected a value between 0 and 1, got {score_floor}")
    if isinstance(ask, Costs):
        return _cheapest(parts, columns, ask, review, score_floor, seed)
    return _on_target(parts, columns, ask, review, score_floor, seed)


def _on_target(
    parts: CalibrationParts,
    columns: Sequence[str],
    ask: Target,
    review: ReviewBudget | None,
    score_floor: float,
    seed: int,
) -> OperatingPoint | NotDemonstrated:
    shapes = np.zeros(len(parts), np.bool_)
    bad_groups = len(np.unique(parts.group[parts.bad]))
    enough = max(bad_parts_needed(ask.kind, 0, ask.escape, ask.confidence), LEAST_OF_EACH)
    if len(columns) > 1 and bad_groups // 2 >= enough:
        shapes = shape_half(parts.bad, parts.group, seed=seed)
    held = parts.of(~shapes)
    family = (
        fit_family(parts.bad[shapes], parts.score[shapes], columns, score_floor)
        if shapes.any()
        else family_of(columns, [AsIs()] * len(columns), score_floor)
    )
    level = family.level(held.score)
    weakest, unit = _weakest(held, level)
    allowed = allowed_misses(ask.kind, len(weakest), ask.escape, ask.confidence)
    found_nothing = int((weakest == 0).sum())
    if allowed is None or found_nothing > allowed:
        return _not_demonstrated(ask, unit, len(weakest), found_nothing, spent=bool(shapes.any()))
    at = loosest_threshold(weakest, allowed)
    limits = family.between(level, at)
    sure = limits if review is None else _sure(held, family, level, at, limits, review, review.prior)
    passed = ~rejects(held.score, limits)
    missed = len(np.unique(held.group[held.bad & passed]))
    guarantee = Guarantee(
        ask.kind,
        ask.escape,
        ask.confidence if ask.kind == "ltt" else None,
        bad=len(weakest),
        missed=missed,
        allowed=allowed,
        unit=unit,
    )
    return _point(held, family, at, limits, sure, ask, review, guarantee, int(shapes.sum()))


def _weakest(parts: CalibrationParts, level: F64) -> tuple[F64, Unit]:
    """The lowest level among the bad parts of each group that has any `(units,)`, and what a unit is."""
    names, member = np.unique(parts.group[parts.bad], return_inverse=True)
    weakest = np.ones(len(names))
    np.minimum.at(weakest, member, level[parts.bad])
    return weakest, "part" if len(names) == int(parts.bad.sum()) else "group"


def _not_demonstrated(ask: Target, unit: Unit, bad: int, found_nothing: int, *, spent: bool) -> NotDemonstrated:
    """How many more it takes: twice as many where half of them shape."""
    hopeless = bad > 0 and found_nothing >= ask.escape * bad
    missing = None
    if not hopeless:
        short = bad_parts_needed(ask.kind, found_nothing, ask.escape, ask.confidence) - bad
        missing = 2 * short if spent else short
    return NotDemonstrated(
        ask, unit, bad, found_nothing, missing, best_claim(ask.kind, found_nothing, bad, ask.confidence)
    )


def _cheapest(
    parts: CalibrationParts,
    columns: Sequence[str],
    costs: Costs,
    review: ReviewBudget | None,
    score_floor: float,
    seed: int,
) -> OperatingPoint:
    shapes = shape_half(parts.bad, parts.group, seed=seed)
    for half in (shapes, ~shapes):
        for kind, there in (("bad", parts.bad[half].any()), ("good", (~parts.bad[half]).any())):
            if not there:
                raise InputError(
                    f"too few {kind} parts: prices choose on one half and are measured on the other",
                    hint=f"give at least two groups of {kind} parts",
                )
    shaping, held = parts.of(shapes), parts.of(~shapes)
    family = fit_family(shaping.bad, shaping.score, columns, score_floor)
    level = family.level(shaping.score)
    at, sure_at = _lowest_cost(shaping.bad, level, costs)
    limits = family.between(level, at)
    sure = np.maximum(family.between(level, sure_at), limits)
    if review is not None:
        prior = costs.prior if review.prior is None else review.prior
        widest = _sure(shaping, family, level, at, limits, review, prior)
        sure = widest if costs.review is None else np.minimum(sure, widest)
    return _point(held, family, at, limits, sure, costs, review, None, int(shapes.sum()))


def _lowest_cost(bad: Bools, level: F64, costs: Costs) -> tuple[float, float]:
    """λ of `review_score` and of `score`; of equal costs the strictest.

    The cost is a sum of one term for each of the two, so the best pair is found in one pass from loose to strict.
    """
    values, place = np.unique(np.append(level, 1.0), return_inverse=True)
    weight_bad = np.bincount(place[:-1], bad, len(values)) * (costs.prior / bad.sum())
    weight_good = np.bincount(place[:-1], ~bad, len(values)) * ((1 - costs.prior) / (~bad).sum())
    bad_from, good_from = (np.cumsum(weight[::-1])[::-1] for weight in (weight_bad, weight_good))
    escaping = costs.escape * (costs.prior - bad_from)
    reachable = values > 0
    values = values[reachable]
    if costs.review is None:
        best = float(values[np.argmin((escaping + costs.overkill * good_from)[reachable])])
        return best, best
    entering = (escaping + costs.review * (bad_from + good_from))[reachable]
    leaving = ((costs.overkill - costs.review) * good_from - costs.review * bad_from)[reachable]
    cheapest_above = np.minimum.accumulate(leaving[::-1])[::-1]
    first = int(np.argmin(entering + cheapest_above))
    return float(values[first]), float(values[first + np.argmin(leaving[first:])])


def _sure(
    parts: CalibrationParts,
    family: Family,
    level: F64,
    at: float,
    limits: Steps,
    review: ReviewBudget,
    prior: float | None,
) -> Steps:
    """The highest thresholds of a sure verdict that leave no more parts in the band than the budget allows."""
    if parts.bad.all():
        raise InputError("review budget: no good parts to count the share on", hint="add some to the calibration parts")
    weight = np.full(len(parts), 1 / len(parts))
    if prior is not None:
        weight = np.where(parts.bad, prior / parts.bad.sum(), (1 - prior) / (~parts.bad).sum())
    rejected = level >= at
    order = np.argsort(level[rejected], kind="stable")
    too_many = np.cumsum(weight[rejected][order]) > review.share + 1e-12
    sure_at = float(level[rejected][order][np.argmax(too_many)]) if too_many.any() else 1.0
    return np.maximum(family.between(level, sure_at), limits)


def _point(
    held: CalibrationParts,
    family: Family,
    at: float,
    limits: Steps,
    sure: Steps,
    asked: Target | Costs,
    review: ReviewBudget | None,
    guarantee: Guarantee | None,
    shaped_on: int,
) -> OperatingPoint:
    """Count what these thresholds do, as they will be written down."""
    rejected, failed = rejects(held.score, limits), rejects(held.score, sure)
    looked_at = rejected & ~failed
    bad = held.bad
    escape = counted(~rejected[bad], held.group[bad])
    overkill = counted(rejected[~bad], held.group[~bad])
    cost = None
    if isinstance(asked, Costs):
        shares = float(looked_at[bad].mean()), float(looked_at[~bad].mean())
        cost = asked.per_part(escape.count / escape.of, overkill.count / overkill.of, *shares)
    thresholds = {
        name: Threshold(score=int(high) / STEPS, review_score=int(low) / STEPS)
        for name, low, high in zip(family.columns, limits, sure, strict=True)
    }
    return OperatingPoint(
        thresholds,
        at,
        asked,
        review,
        family,
        shaped_on,
        len(held),
        escape,
        overkill,
        counted(looked_at, held.group),
        guarantee,
        cost,
    )
