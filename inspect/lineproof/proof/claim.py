"""What may be claimed of a bundle from counted parts, and the sentence that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision
from lineproof.proof.counts.counted import Counted, counted
from lineproof.proof.counts.planner import Supportable, supportable
from lineproof.proof.parts import Parts
from lineproof.proof.rates import LineRates, Outcome, line_rates

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Claims:
    """Escape and overkill of locked parts with their bounds; an empty count says that there were no such parts."""

    escape: Counted
    overkill: Counted
    review: Counted
    rates: LineRates  # the same parts by truth and decision

    def sentence(self, confidence: float) -> str:
        """The claim, to be read aloud."""
        return " ".join(
            (
                _sentence("bad parts pass", "did", "bad", self.escape, confidence),
                _sentence("good parts are stopped", "were", "good", self.overkill, confidence),
            )
        )

    def plan(self, goal: float, confidence: float) -> Supportable | None:
        """What the bad parts support and how many more a goal takes, in independent parts; None without any."""
        escape = self.escape
        if not escape.of:
            return None
        independent = int(escape.effective)
        misses = min(independent, -(-escape.count * independent // escape.of))  # rounded up: against the claim
        return supportable(independent, misses, goal, confidence)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "escape": self.escape.as_dict(),
            "overkill": self.overkill.as_dict(),
            "review": self.review.as_dict(),
            "table": self.rates.table,
        }


def claims_of(parts: Parts, decisions: tuple[Decision, ...]) -> Claims:
    """Count every part once; parts of one group are worth no more than the group."""
    passed = np.array([decision is Decision.PASS for decision in decisions], np.bool_)
    looked_at = np.array([decision is Decision.REVIEW for decision in decisions], np.bool_)
    bad = parts.bad
    return Claims(
        escape=counted(passed[bad], parts.group[bad]),
        overkill=counted(~passed[~bad], parts.group[~bad]),
        review=counted(looked_at, parts.group),
        rates=line_rates(Outcome(bool(b), d) for b, d in zip(bad.tolist(), decisions, strict=True)),
    )


def percent_up(share: float) -> str:
    """A bound in per cent with three figures, rounded up: a claim must not be smaller than what was shown."""
    if share <= 0:
        return "0 %"
    digits = 2 - math.floor(math.log10(100 * share))
    return f"{math.ceil(100 * share * 10**digits - 1e-9) / 10**digits:.{max(digits, 0)}f} %"


def _sentence(what: str, did: str, kind: str, rate: Counted, confidence: float) -> str:
    if rate.of == 0:
        return f"How many {what} cannot be said: there was no {kind} part."
    upper = rate.upper(confidence)
    seen = f"{rate.count} of {rate.of} {did}"
    if upper >= 1:
        return f"How many {what} is not demonstrated: {seen}."
    return f"At most {percent_up(upper)} of {what}, with {100 * confidence:g} % confidence: {seen}."
