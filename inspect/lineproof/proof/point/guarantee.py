"""Which threshold keeps escapes below a target, and in what sense: on average, or with a stated confidence.

Both take the scores of bad parts and a family of thresholds that these parts did not shape.

Learn-then-test (Angelopoulos, Bates, Candès, Jordan & Lei, arXiv 2110.01052): each threshold is a hypothesis "escape is
above the target", tested from strict to loose until the first is not rejected. For 0/1 losses the binomial p-value is
exact, and Hoeffding–Bentkus (e times larger) only gives parts away.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei & Schuster, arXiv 2208.02814): the average over many calibrations
is below the target, one that is refused counting as no escape. Up to half of them lie above it, so it is no promise for
one line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineproof.proof.counts.planner import chance_of_passing, parts_needed
from lineproof.proof.intervals import upper_bound

F64 = NDArray[np.float64]
Kind = Literal["ltt", "crc"]  # learn-then-test, conformal risk control
Unit = Literal["part", "group"]

ASSUMES = (
    "the bad parts of production are like these: same process, same defects, same camera and the same bundle",
    "no threshold is touched afterwards, and no rule of the line lets pass what was counted as found",
    "every bad part counted was chosen without a look at its score",
)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What holds for bad parts to come, and the counts that it rests on."""

    kind: Kind
    escape: float  # the target: at most this share of bad parts passes
    confidence: float | None  # None for crc, which holds on average
    bad: int  # units that guarantee: bad parts, or groups with one
    missed: int  # of them, at the thresholds returned
    allowed: int  # that might have been
    unit: Unit

    @property
    def p(self) -> float:
        """P(Bin(bad, escape) ≤ missed): how likely so few misses are where the escape rate is at the target."""
        return binomial_p(self.missed, self.bad, self.escape)

    def __str__(self) -> str:
        counts = f"{self.missed} of {self.bad} bad {self.unit}s missed, {self.allowed} allowed"
        if self.confidence is None:
            return f"escape ≤ {100 * self.escape:.3g} % on average over calibrations, this one may lie above; {counts}"
        return f"escape ≤ {100 * self.escape:.3g} % with {100 * self.confidence:.3g} % confidence; {counts}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "kind": self.kind,
            "escape": self.escape,
            "confidence": self.confidence,
            "bad": self.bad,
            "missed": self.missed,
            "allowed": self.allowed,
            "unit": self.unit,
            "p": round(self.p, 6),
            "assumes": list(ASSUMES),
        }


def binomial_p(missed: int, bad: int, escape: float) -> float:
    """P(Bin(bad, escape) ≤ missed), the exact p-value of "escape is above the target"."""
    return chance_of_passing(bad, missed, escape)


def allowed_misses(kind: Kind, bad: int, escape: float, confidence: float) -> int | None:
    """How many of the bad parts may pass; None where so few cannot show it even without a miss.

    Args:
        kind: `crc` allows ⌊escape · (bad + 1)⌋ - 1, `ltt` the most with `binomial_p` ≤ 1 - confidence.
        bad: how many bad parts there are.
        escape: the target, 0..1.
        confidence: 0..1; without effect on `crc`.

    Raises:
        ValueError: a target or a confidence outside 0..1, or a negative count.
    """
    _checked(bad, escape, confidence)
    if kind == "crc":
        # As a fraction of what was typed: 0.29 · 100 is 28.999… in floats.
        most = math.floor(Fraction(str(float(escape))) * (bad + 1)) - 1
    else:
        from scipy.stats import binom  # 0.9 s of a start, and only a choice of thresholds needs it

        # Near it; what decides is the chance the planner counts with.
        most = int(binom.ppf(1 - confidence, bad, escape)) + 1
        while most >= 0 and chance_of_passing(bad, most, escape) > 1 - confidence:
            most -= 1
    return most if most >= 0 else None


def bad_parts_needed(kind: Kind, missed: int, escape: float, confidence: float) -> int:
    """The fewest bad parts of which so many may pass; without a miss ⌈1/escape - 1⌉ for `crc`.

    Raises:
        ValueError: a target or a confidence outside 0..1, or a negative count.
    """
    _checked(missed, escape, confidence)
    if kind == "crc":
        return math.ceil((missed + 1) / Fraction(str(float(escape))) - 1)
    return parts_needed(escape, confidence, missed)


def best_claim(kind: Kind, missed: int, bad: int, confidence: float) -> float | None:
    """The smallest target that so many misses support; None where they support none.

    For `ltt` this is the one-sided exact upper bound, for `crc` (missed + 1)/(bad + 1).
    """
    if missed == bad:
        return None
    if kind == "crc":
        return (missed + 1) / (bad + 1)
    return upper_bound(missed, bad, confidence)


def loosest_threshold(level: F64, allowed: int) -> float:
    """The largest threshold that at most `allowed` of the bad parts lie below.

    Misses only grow with the threshold, so the first hypothesis that learn-then-test cannot reject is the first
    threshold with more misses than allowed, and the infimum of conformal risk control is at the same place.

    Args:
        level: `(n,)` of each bad part; it passes where its level is below the threshold.
        allowed: misses, fewer than n.
    """
    return float(np.partition(level, allowed)[allowed])


def _checked(count: int, escape: float, confidence: float) -> None:
    if count < 0:
        raise ValueError(f"count: expected 0 or more, got {count}")
    for name, value in (("escape", escape), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: expected a value between 0 and 1, got {value}")
