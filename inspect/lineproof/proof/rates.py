"""What a plant counts: escapes and overkill, per part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from lineproof.core import Decision
from lineproof.proof.intervals import Interval, clopper_pearson


class Outcome(NamedTuple):
    """One inspected part: what it is, and what was decided."""

    bad: bool
    decision: Decision


@dataclass(frozen=True, slots=True)
class Rate:
    """Counts and their two-sided 95 % Clopper–Pearson interval."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of 0 is nan, because nothing was seen."""
        return self.count / self.of if self.of else float("nan")

    @property
    def interval(self) -> Interval:
        """Two-sided 95 % bounds."""
        return clopper_pearson(self.count, self.of)

    def __str__(self) -> str:
        if self.of == 0:
            return "no such parts: cannot be measured"
        low, high = self.interval
        return f"{self.count}/{self.of} = {self.value:.1%} (95 %: {low:.1%} – {high:.1%})"

    def as_dict(self) -> dict[str, object]:
        """For JSON; the interval of nothing is 0..1."""
        low, high = self.interval
        return {"count": self.count, "of": self.of, "rate": self.value if self.of else None, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class LineRates:
    """Escape: a bad part that passed. Overkill: a good part that did not."""

    escape: Rate
    overkill: Rate
    review: Rate  # parts a person must look at, of all
    table: dict[str, dict[str, int]]  # truth → decision → count

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "escape": self.escape.as_dict(),
            "overkill": self.overkill.as_dict(),
            "review": self.review.as_dict(),
            "table": self.table,
        }


def line_rates(outcomes: Iterable[Outcome]) -> LineRates:
    """Count; REVIEW and FAULT are rejections, so they are no escapes, and on good parts they are overkill."""
    counts = Counter(outcomes)
    table = {
        name: {decision.value: counts[Outcome(bad=bad, decision=decision)] for decision in Decision}
        for name, bad in (("bad", True), ("good", False))
    }
    bad, good = sum(table["bad"].values()), sum(table["good"].values())
    return LineRates(
        escape=Rate(table["bad"]["PASS"], bad),
        overkill=Rate(good - table["good"]["PASS"], good),
        review=Rate(table["bad"]["REVIEW"] + table["good"]["REVIEW"], bad + good),
        table=table,
    )
