"""Two bundles on the same parts: B is better than A, worse, or no difference was shown.

Only parts on which they differ in right and wrong tell anything (McNemar 1947). The finding is the exact test's. The
interval of the difference is Tango's score interval (Statistics in Medicine 17 (1998), 891-908), which does not shrink
to a point when they never differ; at the edge it can leave 0 out where the exact test, the stricter one, finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, ndtri

from lineproof.proof.intervals import Interval

Bools = NDArray[np.bool_]
F64 = NDArray[np.float64]

LEVEL = 0.05  # of the test; the interval is that of 1 − LEVEL
POWER = 0.80  # what `discordant_needed` promises
_MOST = 10_000  # discordant parts, beyond which no plant can plan
_OFF = 1e-9  # a bracket starts this far from the estimate, which is itself a root where its variance is 0


class Finding(StrEnum):
    """What the exact test allows to say of B against A."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "no difference shown"


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided p value that errors made by one of the two alone fall to either with the same chance.

    Raises:
        ValueError: a negative count.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"discordant parts: expected counts, got {only_a} and {only_b}")
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_difference(only_a: int, only_b: int, of: int, confidence: float = 1 - LEVEL) -> Interval:
    """Bounds of B's rate minus A's on the same `of` parts, -1..1 (Tango 1998, equations 24-26); 0 parts say nothing.

    Every difference that the score test does not contradict, its variance taken under that difference.

    Raises:
        ValueError: negative counts, or more discordant parts than parts.
    """
    if min(only_a, only_b) < 0 or only_a + only_b > of:
        raise ValueError(f"discordant parts: expected counts up to {of} in all, got {only_a} and {only_b}")
    if of == 0:
        return Interval(-1.0, 1.0)
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    excess = only_b - only_a

    def contradiction(difference: float) -> float:
        # q: the likeliest share of "only A" if the rates differ by `difference`; the positive root of a quadratic
        slope = (2 * of - excess) * difference - only_a - only_b
        root = math.sqrt(max(slope**2 + 8 * of * only_a * difference * (1 - difference), 0.0))
        q = (root - slope) / (4 * of)
        return (excess - of * difference) ** 2 - z2 * of * (2 * q + difference * (1 - difference))

    below, above = excess / of - _OFF, excess / of + _OFF
    low = float(brentq(contradiction, -1.0, below)) if below > -1 else -1.0
    high = float(brentq(contradiction, above, 1.0)) if above < 1 else 1.0
    return Interval(low, high)


def least_discordant() -> int:
    """The fewest discordant parts, all one way, with which the exact test can find anything: 6."""
    return math.ceil(math.log2(2 / LEVEL))


def discordant_needed(only_a: int, only_b: int) -> int | None:
    """Discordant parts with which the test would find a difference four times in five, if they fall as seen so far.

    None: they fell evenly or there were none, or more than 10,000 would be needed. The split seen is itself a guess.

    Raises:
        ValueError: a negative count.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"discordant parts: expected counts, got {only_a} and {only_b}")
    if only_a == only_b:
        return None
    share = min(only_a, only_b) / (only_a + only_b)
    n, edge = _edges()
    enough = np.flatnonzero(bdtr(edge, n.astype(np.int64), share) >= POWER)
    return int(n[enough[0]]) if enough.size else None


@cache
def _edges() -> tuple[F64, F64]:
    """Numbers of discordant parts, and of each the most on the rarer side with which the test finds a difference."""
    n = np.arange(least_discordant(), _MOST + 1, dtype=np.float64)
    from scipy.stats import binom  # 0.9 s of a start, and only a comparison needs it

    edge = binom.ppf(LEVEL / 2, n, 0.5)
    return n, edge - (bdtr(edge, n.astype(np.int64), 0.5) > LEVEL / 2)


@dataclass(frozen=True, slots=True)
class PairedRate:
    """One kind of error on the same parts: made by both, by A alone, by B alone."""

    name: str  # of the error: escapes, overkill, wrong decisions
    of: int
    both: int
    only_a: int
    only_b: int

    @property
    def discordant(self) -> int:
        """Parts on which exactly one of the two made this error."""
        return self.only_a + self.only_b

    @property
    def difference(self) -> float | None:
        """B's rate minus A's; below 0 B errs less; None without parts."""
        return (self.only_b - self.only_a) / self.of if self.of else None

    @property
    def interval(self) -> Interval:
        """Two-sided 95 % bounds of the difference."""
        return paired_difference(self.only_a, self.only_b, self.of)

    @property
    def p_value(self) -> float:
        """Of the exact McNemar test."""
        return mcnemar_exact(self.only_a, self.only_b)

    @property
    def finding(self) -> Finding:
        """At 5 %; no difference shown is not the same as none."""
        if self.p_value > LEVEL:
            return Finding.NOT_SHOWN
        return Finding.BETTER if self.only_b < self.only_a else Finding.WORSE

    def __str__(self) -> str:
        if not self.of:
            return f"{self.name}: no such parts: cannot be compared"
        low, high = self.interval
        seen = (
            f"{self.only_a} by A alone, {self.only_b} by B alone, {self.both} by both of {self.of}; "
            f"B − A {self.difference:+.1%} (95 %: {low:+.1%} – {high:+.1%}), p = {self.p_value:.2g}"
        )
        if self.finding is not Finding.NOT_SHOWN:
            return f"{self.name}: B is {self.finding} ({seen})"
        return f"{self.name}: {self.finding} ({seen}); {self._needed()}"

    def _needed(self) -> str:
        needed = discordant_needed(self.only_a, self.only_b)
        if needed is None:
            return f"at least {least_discordant()} discordant parts, all one way, would be needed"
        parts = math.ceil(needed * self.of / self.discordant)
        return (
            f"{needed} discordant parts, about {parts} in all, would be needed to show it four times in five, "
            f"if they fall {self.only_a} to {self.only_b} as here"
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON; an interval of nothing is -1..1."""
        low, high = self.interval
        return {
            "of": self.of,
            "both": self.both,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "difference": None if self.difference is None else round(self.difference, 6),
            "low": round(low, 6),
            "high": round(high, 6),
            "p_value": round(self.p_value, 6),
            "finding": self.finding.value,
            "discordant_needed": discordant_needed(self.only_a, self.only_b),
        }


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A part that one bundle passes and the other rejects."""

    part: str
    bad: bool
    passed_by: str  # A or B

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"part": self.part, "truth": "bad" if self.bad else "good", "passed_by": self.passed_by}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Bundle B against bundle A on the same parts."""

    escapes: PairedRate  # bad parts that passed
    overkill: PairedRate  # good parts that did not
    wrong: PairedRate  # either, of all parts
    disagreements: tuple[Disagreement, ...]  # the dangerous first: bad parts that B passes and A rejects

    @property
    def verdict(self) -> str:
        """Three sentences, escapes first: better, worse, or no difference shown and what it would take."""
        return "\n".join(map(str, (self.escapes, self.overkill, self.wrong)))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "escapes": self.escapes.as_dict(),
            "overkill": self.overkill.as_dict(),
            "wrong": self.wrong.as_dict(),
            "disagreements": [part.as_dict() for part in self.disagreements],
        }


def compare_bundles(parts: Sequence[str], bad: Bools, a_passed: Bools, b_passed: Bools) -> Comparison:
    """Compare decisions `(parts,)` of A and B with the truth; whatever is not PASS rejects the part.

    Raises:
        ValueError: columns of different lengths, or a part that occurs twice: one decision a part, or views of one
            part would count as many.
    """
    if not len(parts) == len(bad) == len(a_passed) == len(b_passed):
        raise ValueError(f"columns: {len(parts)} parts, {len(bad)}, {len(a_passed)} and {len(b_passed)} rows")
    if len(set(parts)) < len(parts):
        raise ValueError("parts: one occurs twice; a part has one decision of each bundle")
    bad, a_passed, b_passed = (np.asarray(column, np.bool_) for column in (bad, a_passed, b_passed))
    # 0 escape of B, 1 escape of A, 2 overkill of B, 3 overkill of A
    danger = np.where(bad, np.where(b_passed, 0, 1), np.where(a_passed, 2, 3))
    differing = np.flatnonzero(a_passed != b_passed)
    ordered = differing[np.argsort(danger[differing], kind="stable")]
    return Comparison(
        escapes=_paired("escapes", a_passed[bad], b_passed[bad]),
        overkill=_paired("overkill", ~a_passed[~bad], ~b_passed[~bad]),
        wrong=_paired("wrong decisions", a_passed == bad, b_passed == bad),
        disagreements=tuple(
            Disagreement(parts[i], bool(bad[i]), "B" if b_passed[i] else "A") for i in ordered.tolist()
        ),
    )


def _paired(name: str, by_a: Bools, by_b: Bools) -> PairedRate:
    return PairedRate(
        name,
        of=len(by_a),
        both=int((by_a & by_b).sum()),
        only_a=int((by_a & ~by_b).sum()),
        only_b=int((by_b & ~by_a).sum()),
    )
