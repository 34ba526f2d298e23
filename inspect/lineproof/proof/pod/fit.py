"""The curves that hits and misses can carry, and the size they demonstrate; or what to collect instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineproof.errors import GateError, InputError
from lineproof.proof.pod.ceiling import Ceiling
from lineproof.proof.pod.curve import PROBABILITY, SCALES, PodCurve, fit_curve
from lineproof.proof.pod.logistic import HitMiss, check_separation

# χ²₁ at 99 %. Where the better scale alone gives the bound, choosing it by deviance costs confidence: 92 to 95 % of what
# a 95 % bound promises (tests/benchmarks/coverage_pod.py). A scale that is no worse than this has its say too.
OPEN_DEVIANCE = 6.63
SIGNIFICANT = 0.05  # of the test for a ceiling below 1


class PodRefused(GateError):
    """The defects at hand cannot carry a curve; the hint says what to collect."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The fewest data a curve is fitted to."""

    defects: int = 60  # MIL-HDBK-1823A for hit/miss data
    hits: int = 10  # ten events for each parameter beside the constant (Peduzzi et al. 1996)
    misses: int = 10


def fit_pod(data: HitMiss, *, unit: str = "px", minimum: Minimum | None = None) -> tuple[PodCurve, ...]:
    """Curves over a and over ln a, the one with the smaller deviance first; without the other where the data rule it out.

    Raises:
        PodRefused: too few defects, hits or misses, or a slope that is not positive.
        SeparationError: hits and misses do not overlap.
        InputError: a defect without size.
    """
    check_sizes(data)
    _check_enough(data, minimum or Minimum(), unit)
    check_separation(data)
    curves = sorted((fit_curve(data, scale) for scale in SCALES), key=lambda curve: curve.fit.deviance)
    best = curves[0].fit
    if best.slope <= 0:
        raise PodRefused(
            f"larger defects were found less often: slope {best.slope:.3g} over {curves[0].scale}",
            hint="look at the large defects that were missed; check sizes and matching",
        )
    return tuple(curve for curve in curves if curve.fit.deviance - best.deviance <= OPEN_DEVIANCE)


def demonstrated_size(curves: Sequence[PodCurve], ceiling: Ceiling, unit: str) -> float:
    """The largest of the open curves' bounds; raises PodRefused where one is infinite or outside of what was tested."""
    largest = float(curves[0].data.x.max())
    if ceiling.p_value < SIGNIFICANT and ceiling.value <= PROBABILITY:
        raise PodRefused(
            f"large defects are missed: the POD levels off at {ceiling.value:.1%}",
            hint="look at the large defects that were missed",
        )
    bounds = [curve.wald for curve in curves]
    finite = [bound for bound in bounds if bound is not None]
    if len(finite) < len(bounds):
        raise PodRefused(
            "the lower 95 % band does not reach 90 %, however large the defect",
            hint=f"collect more defects{_transition(curves[0].data, unit)}",
        )
    if max(finite) > largest:
        raise PodRefused(
            f"the lower 95 % band reaches 90 % beyond the largest defect tested, {largest:.3g} {unit}",
            hint=f"collect larger defects, and more{_transition(curves[0].data, unit)}",
        )
    return max(finite)


def check_sizes(data: HitMiss) -> None:
    """Raise InputError that names a defect without size."""
    if (data.x <= 0).any():
        raise InputError(
            f"defect {int(np.argmax(data.x <= 0))}: size {data.x.min():g}, expected more than 0",
            hint="its box or mask in the annotations has no area",
        )


def _check_enough(data: HitMiss, minimum: Minimum, unit: str) -> None:
    """Raise PodRefused that says how many are missing, and of which sizes."""
    hits, count = int(data.hits.sum()), int(data.trials.sum())
    misses = count - hits
    remedies = []
    if count < minimum.defects:
        remedies.append(f"{minimum.defects - count} more defects{_transition(data, unit)}")
    if hits < minimum.hits:
        remedies.append(f"defects{_beyond(data, unit, hit=True)} until {minimum.hits - hits} more are found")
    if misses < minimum.misses:
        remedies.append(f"defects{_beyond(data, unit, hit=False)} until {minimum.misses - misses} more are missed")
    if remedies:
        raise PodRefused(
            f"{count} defects, {hits} hits, {misses} misses: {minimum.defects} defects, {minimum.hits} hits and "
            f"{minimum.misses} misses are needed",
            hint=f"collect {'; '.join(remedies)}",
        )


def _transition(data: HitMiss, unit: str) -> str:
    """Between which sizes hits turn to misses; the range tested where there is but one of them."""
    hit, miss = data.hit_x, data.miss_x
    if not data.x.size:
        return ""
    ends = (hit.min(), miss.max()) if hit.size and miss.size else (data.x.min(), data.x.max())
    return f" between {min(ends):.3g} and {max(ends):.3g} {unit}"


def _beyond(data: HitMiss, unit: str, *, hit: bool) -> str:
    """Of which sizes more hits are to be had, or more misses."""
    if not data.x.size:
        return ""
    if hit:
        return f" larger than {data.hit_x.min(initial=data.x.max()):.3g} {unit}"
    return f" smaller than {data.miss_x.max(initial=data.x.min()):.3g} {unit}"
