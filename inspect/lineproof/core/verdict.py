"""The decision about one part, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """Exactly one of four; everything but PASS rests on the reject side of the wire."""

    PASS = "PASS"
    FAIL = "FAIL"
    REVIEW = "REVIEW"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule that spoke, in words a technician reads, and the detection it spoke about."""

    rule: str  # e.g. "scratch.score", "deadline", "camera"
    text: str
    detection: int | None = None  # row of Inspection.detections


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its reasons; FAIL, REVIEW and FAULT always have at least one."""

    decision: Decision
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a rejection without a reason: nobody may have to guess why."""
        if self.decision is not Decision.PASS and not self.reasons:
            raise ValueError(f"{self.decision} needs at least one reason")


def fault(rule: str, text: str) -> Verdict:
    """No valid inspection happened, and this is why."""
    return Verdict(Decision.FAULT, (Reason(rule, text),))
