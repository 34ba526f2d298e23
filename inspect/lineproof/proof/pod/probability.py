"""Probability of detection over defect size from hits and misses (MIL-HDBK-1823A; ASTM E2862).

a90/95 is the size from which on defects are found with a probability of 90 % at least, with a confidence of 95 %. Where
the defects tested do not show it, it is "not demonstrated", with the reason and with what to collect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineproof.errors import GateError
from lineproof.proof.pod.ceiling import Ceiling, fit_ceiling
from lineproof.proof.pod.curve import CONFIDENCE, PROBABILITY, PodCurve, from_scale, rounded, to_scale
from lineproof.proof.pod.false_calls import FalseCalls
from lineproof.proof.pod.firth import FirthFit, fit_firth
from lineproof.proof.pod.fit import SIGNIFICANT, Minimum, check_sizes, demonstrated_size, fit_pod
from lineproof.proof.pod.logistic import HitMiss, SeparationError
from lineproof.proof.pod.matching import Matches, Threshold
from lineproof.proof.rates import Rate


@dataclass(frozen=True, slots=True)
class AlwaysFound:
    """Every defect larger than the largest one missed.

    Going down from the largest defect to the first miss is inverse sampling, for which n hits in a row bound the
    probability as n of n do: α^(1/n). It is the mean POD of such defects that is bounded, not that of the smallest.
    """

    size: float  # of the smallest of them
    count: int

    @property
    def lower_bound(self) -> float:
        """One-sided 95 % bound of the share of such defects that is found."""
        return float((1 - CONFIDENCE) ** (1 / self.count))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"size": rounded(self.size), "count": self.count, "lower_bound": round(self.lower_bound, 5)}


@dataclass(frozen=True, slots=True, eq=False)
class Pod:
    """What is known about finding one kind of defect."""

    name: str
    unit: str  # of sizes: px or mm
    data: HitMiss  # over the size
    curves: tuple[PodCurve, ...]  # the better one first, then the other if the data leave it open; empty: refused
    a90_95: float | None  # None: not demonstrated
    why_not: str  # "" where a90/95 is demonstrated
    remedy: str
    warnings: tuple[str, ...]
    ceiling: Ceiling | None
    always_found: AlwaysFound | None  # None: the largest defect was missed
    false_calls: FalseCalls | None
    penalised: FirthFit | None  # over ln a, where hits and misses are separated; for information

    @property
    def curve(self) -> PodCurve | None:
        """The better curve."""
        return self.curves[0] if self.curves else None

    @property
    def found(self) -> Rate:
        """Defects found, of all."""
        return Rate(int(self.data.hits.sum()), int(self.data.trials.sum()))

    def __str__(self) -> str:
        if self.a90_95 is None:
            return f"{self.name}: a90/95 not demonstrated: {self.why_not}"
        return f"{self.name}: a90/95 = {self.a90_95:.3g} {self.unit}, from {self.found.of} defects"

    def as_dict(self) -> dict[str, object]:
        """For JSON; null: not demonstrated, or not known."""
        sizes = self.data.x
        return {
            "name": self.name,
            "unit": self.unit,
            "found": self.found.as_dict(),
            "smallest": rounded(float(sizes.min())) if sizes.size else None,
            "largest": rounded(float(sizes.max())) if sizes.size else None,
            "a50": rounded(self.curve.size_at(0.5)) if self.curve else None,
            "a90": rounded(self.curve.size_at(PROBABILITY)) if self.curve else None,
            "a90_95": rounded(self.a90_95),
            "why_not": self.why_not,
            "remedy": self.remedy,
            "warnings": list(self.warnings),
            "curves": [curve.as_dict() for curve in self.curves],
            "ceiling": self.ceiling.as_dict() if self.ceiling else None,
            "always_found": self.always_found.as_dict() if self.always_found else None,
            "false_calls": self.false_calls.as_dict() if self.false_calls else None,
            "penalised": _penalised(self.penalised) if self.penalised else None,
        }


def pod_by_class(
    matches: Matches,
    classes: Sequence[str],
    threshold: Threshold,
    *,
    area: float | None = None,
    minimum: Minimum | None = None,
) -> dict[str, Pod]:
    """POD of every class by name, at the line's thresholds; `area` is that of all images together, in `unit`²."""
    hit, false_call = matches.hit(threshold), matches.false_call(threshold)
    result = {}
    for class_id, name in enumerate(classes):
        rows = matches.defect_class == class_id
        calls = matches.detection_image[false_call & (matches.detection_class == class_id)]
        images = Rate(len(np.unique(calls)), matches.images)
        result[name] = probability_of_detection(
            HitMiss.single(matches.size[rows], hit[rows]),
            name=name,
            unit=matches.unit,
            false_calls=FalseCalls(len(calls), images, area, f"{matches.unit}²") if matches.images else None,
            minimum=minimum,
        )
    return result


def probability_of_detection(
    data: HitMiss,
    *,
    name: str = "defect",
    unit: str = "px",
    false_calls: FalseCalls | None = None,
    minimum: Minimum | None = None,
) -> Pod:
    """POD over size; data that cannot carry a curve give a Pod without one that says why, and what to collect.

    Args:
        data: over the size a, each physical defect once: ten views of one count as little more than one.
        name: of the kind of defect.
        unit: of the sizes.
        false_calls: of the same detector at the same threshold.
        minimum: the fewest data; default: `Minimum()`.

    Raises:
        InputError: a defect without size.
    """
    check_sizes(data)
    curves: tuple[PodCurve, ...] = ()
    ceiling, penalised, bound, warnings = None, None, None, []
    why_not = remedy = ""
    try:
        curves = fit_pod(data, unit=unit, minimum=minimum)
        ceiling = _ceiling(curves[0])
        warnings = _warnings(curves[0], ceiling, unit)
        bound = demonstrated_size(curves, ceiling, unit)
    except GateError as refused:
        why_not, remedy = refused.message, refused.hint
        if isinstance(refused, SeparationError) and np.ptp(data.x) > 0:
            penalised = fit_firth(HitMiss(np.log(data.x), data.hits, data.trials))
    if bound is not None and bound < data.x.min():
        warnings.append("the band crosses 90 % below the smallest defect tested; a90/95 is that defect's size")
        bound = float(data.x.min())
    return Pod(
        name,
        unit,
        data,
        curves,
        bound,
        why_not,
        remedy,
        tuple(warnings),
        ceiling,
        smallest_always_found(data),
        false_calls,
        penalised,
    )


def smallest_always_found(data: HitMiss) -> AlwaysFound | None:
    """Every defect larger than the largest one missed; None where the largest of all was missed."""
    above = data.x > data.miss_x.max(initial=-np.inf)
    return AlwaysFound(float(data.x[above].min()), int(data.trials[above].sum())) if above.any() else None


def _penalised(fit: FirthFit) -> dict[str, object]:
    """For information: how far Firth's bound is to be trusted, nobody has shown."""
    x = {"a50": fit.x_at(0.5), "a90": fit.x_at(PROBABILITY), "bound": fit.upper_bound(PROBABILITY, CONFIDENCE)}
    sizes = {name: None if value is None or fit.slope <= 0 else from_scale(value, "ln a") for name, value in x.items()}
    return {"x": "ln a", **fit.as_dict(), **{name: rounded(size) for name, size in sizes.items()}}


def _ceiling(curve: PodCurve) -> Ceiling:
    data = curve.data
    return fit_ceiling(HitMiss(to_scale(data.x, curve.scale), data.hits, data.trials), curve.fit)


def _warnings(curve: PodCurve, ceiling: Ceiling, unit: str) -> list[str]:
    found = []
    if ceiling.p_value < SIGNIFICANT:
        found.append(
            f"large defects are missed too: the POD seems to level off at {ceiling.value:.1%} "
            f"(likelihood ratio {ceiling.ratio:.2f}, p = {ceiling.p_value:.2g}), and the curve does not show it"
        )
    smallest, largest = curve.data.x.min(), curve.data.x.max()
    for label, size in (("a50", curve.size_at(0.5)), ("a90", curve.size_at(PROBABILITY))):
        if size is None or not smallest <= size <= largest:
            found.append(f"{label} lies outside the sizes tested, {smallest:.3g} to {largest:.3g} {unit}")
    return found
