"""The answer to a question for an operating point: thresholds with what they are known to do, or that nothing is shown."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core.threshold import Threshold
from lineproof.proof.counts.counted import Counted
from lineproof.proof.point.ask import ReviewBudget, Target
from lineproof.proof.point.cost import Costs
from lineproof.proof.point.family import Family
from lineproof.proof.point.guarantee import Guarantee, Unit


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds, and what they did on parts that did not shape them."""

    thresholds: dict[str, Threshold]
    at: float  # λ: parts are rejected where their level in the family reaches it
    asked: Target | Costs
    review_budget: ReviewBudget | None
    family: Family
    shaped_on: int  # parts that the calibrators were fitted on; 0: the same threshold in all columns, no part spent
    measured_on: int  # the other parts
    escape: Counted
    overkill: Counted
    review: Counted
    guarantee: Guarantee | None  # None where prices chose: what was measured is all that is known
    cost: float | None  # expected, of one part, where prices chose

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        calibrators = zip(self.family.columns, self.family.calibrators, strict=True)
        return {
            "demonstrated": True,
            "thresholds": {name: t._asdict() for name, t in self.thresholds.items()},
            "at": self.at,
            "asked": self.asked.as_dict(),
            "review_budget": self.review_budget.as_dict() if self.review_budget else None,
            "calibrators": {name: calibrator.as_dict() for name, calibrator in calibrators},
            "joint_calibrator": self.family.joint.as_dict(),
            "shaped_on": self.shaped_on,
            "measured_on": self.measured_on,
            "escape": self.escape.as_dict(),
            "overkill": self.overkill.as_dict(),
            "review": self.review.as_dict(),
            "guarantee": self.guarantee.as_dict() if self.guarantee else None,
            "cost": None if self.cost is None else round(self.cost, 6),
        }


@dataclass(frozen=True, slots=True)
class NotDemonstrated:
    """These parts do not show the target, at no threshold; what they do show."""

    asked: Target
    unit: Unit
    bad: int  # units that count
    found_nothing: int  # of them: they pass at every threshold that the engine can act on
    missing: int | None  # further bad parts or groups, if none of them passes; None: more would not help
    claim: float | None  # the smallest escape rate that they show, rejecting wherever anything is found; None: none

    def __str__(self) -> str:
        asked = f"escape ≤ {100 * self.asked.escape:.3g} % is not demonstrated"
        counts = f"{self.bad} bad {self.unit}s"
        if self.found_nothing:
            counts += f", on {self.found_nothing} of them nothing is found"
        more = "more parts would not change that" if self.missing is None else f"{self.missing} more are needed"
        sense = f"with {100 * self.asked.confidence:.3g} % confidence" if self.asked.kind == "ltt" else "on average"
        best = "no rate can be shown" if self.claim is None else f"at best ≤ {100 * self.claim:.3g} % {sense}"
        return f"{asked}: {counts}; {more}; {best}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "demonstrated": False,
            "why": str(self),
            "asked": self.asked.as_dict(),
            "unit": self.unit,
            "bad": self.bad,
            "found_nothing": self.found_nothing,
            "missing": self.missing,
            "claim": None if self.claim is None else round(self.claim, 6),
        }
