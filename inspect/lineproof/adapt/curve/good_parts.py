"""What good parts in the training images do to overkill, as far as the runs show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from lineproof.adapt.curve.outcome import RunOutcome

_CLEAR = 1.96  # standard errors, two-sided 95 %


@dataclass(frozen=True, slots=True)
class GoodParts:
    """One sentence, and the figures it rests on."""

    says: str
    figures: dict[str, float | int] = field(default_factory=dict)


def good_parts(outcomes: Sequence[RunOutcome]) -> GoodParts:
    """Compare runs with and without good parts that share seed and defects.

    The number of good parts grows with the size of a subset, so the curve's own runs cannot tell the two apart; only
    the pairs can. The standard error is that of independent parts, which is too wide for two models on the same parts.
    """
    held_out = outcomes[0].overkill.of
    if not held_out:
        return GoodParts("overkill was not measured: the held-out images show no good part")
    without = {run.seed: run for run in outcomes if run.arm == "without-ok"}
    if not without:
        if not any(run.ok_images for run in outcomes):
            return GoodParts("what good parts would do to overkill is not known: no training image shows one")
        return GoodParts("what more good parts would do to overkill was not tried: add --without-ok")
    largest = max(run.images for run in outcomes)
    pairs = [(run, without[run.seed]) for run in outcomes if run.images == largest and run.arm == "all"]
    pairs = [(a, b) for a, b in pairs if b.images == a.images]
    rates_with = [a.overkill.rate.value for a, _ in pairs]
    rates_without = [b.overkill.rate.value for _, b in pairs]
    p, q = fmean(rates_with), fmean(rates_without)
    error = math.sqrt(max(p * (1 - p) + q * (1 - q), 1 / held_out) / held_out)
    escapes = [fmean(x.escapes.rate.value for x in column) for column in zip(*pairs, strict=True)]
    good = round(fmean(a.ok_images for a, _ in pairs))
    figures: dict[str, float | int] = {
        "good_training_images": good,
        "overkill_with": round(p, 4),
        "overkill_without": round(q, 4),
        "standard_error": round(error, 4),
        "escapes_with": round(escapes[0], 4),
        "escapes_without": round(escapes[1], 4),
    }
    shown = f"overkill {p:.1%} with {good} good parts in training, {q:.1%} without (escapes {escapes[0]:.1%}, {escapes[1]:.1%})"
    same_way = len({a > b for a, b in zip(rates_with, rates_without, strict=True)}) == 1
    if abs(p - q) < _CLEAR * error or not same_way:
        return GoodParts(f"{shown}: no difference that these {held_out} good held-out parts could show", figures)
    if p < q:
        return GoodParts(f"{shown}: good parts cut overkill; adding more is cheap and worth a try", figures)
    return GoodParts(f"{shown}: good parts did not help here", figures)
