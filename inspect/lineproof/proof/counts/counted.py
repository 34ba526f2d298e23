"""A share of parts with an exact interval that does not take parts of one group for independent ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from lineproof.proof.intervals import Interval


@dataclass(frozen=True, slots=True)
class Counted:
    """So many of so many parts, which are worth no more than `effective` independent ones."""

    count: int
    of: int
    effective: float  # `of` where every part is its own group

    @property
    def interval(self) -> Interval:
        """Two-sided 95 % (Clopper & Pearson 1934), on effective numbers (Korn & Graubard 1998); (0, 1) of nothing."""
        if self.of == 0:
            return Interval(0.0, 1.0)
        hits = self.count * self.effective / self.of
        rest = self.effective - hits
        low = 0.0 if self.count == 0 else float(betaincinv(hits, rest + 1, 0.025))
        high = 1.0 if self.count == self.of else float(betaincinv(hits + 1, rest, 0.975))
        return Interval(low, high)

    def upper(self, confidence: float) -> float:
        """One-sided bound on effective numbers; 1 of nothing."""
        if self.count == self.of:
            return 1.0
        hits = self.count * self.effective / self.of
        return float(betaincinv(hits + 1, self.effective - hits, confidence))

    def __str__(self) -> str:
        if self.of == 0:
            return "no such parts: cannot be measured"
        low, high = self.interval
        return f"{self.count}/{self.of} = {self.count / self.of:.1%} (95 %: {low:.1%} – {high:.1%})"

    def as_dict(self) -> dict[str, object]:
        """For JSON; the interval of nothing is 0..1."""
        low, high = self.interval
        return {
            "count": self.count,
            "of": self.of,
            "effective": round(self.effective, 2),
            "rate": round(self.count / self.of, 6) if self.of else None,
            "low": round(low, 6),
            "high": round(high, 6),
        }


def counted(hit: NDArray[np.bool_], group: NDArray[np.generic]) -> Counted:
    """Count parts `(n,)`, as if those of one group always shared one fate: (Σm)²/Σm² groups of m parts (Kish 1965).

    That is the widest interval; it is exact where every part is its own group.
    """
    if not len(hit):
        return Counted(0, 0, 0.0)
    sizes = np.unique(group, return_counts=True)[1]
    return Counted(int(hit.sum()), len(hit), float(len(hit) ** 2 / (sizes**2).sum()))
