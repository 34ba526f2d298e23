"""Agreement beyond chance: Cohen's κ of two judges, Fleiss' κ of many, with what the number of parts allows to say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from lineproof.proof.intervals import Interval

F64 = NDArray[np.float64]

_OFF = 1e-9  # a bracket starts this far from the estimate, which is itself a root where its variance is 0


@dataclass(frozen=True, slots=True)
class Kappa:
    """κ = (agreement − chance) / (1 − chance); 1 is full agreement, 0 what chance alone gives."""

    agreement: float  # share of verdicts that agree
    chance: float  # share that would, if each judge threw dice with their own shares
    value: float | None  # None: chance alone already agrees always, because only one verdict was ever given
    se: float | None  # None where the large-sample formula gives 0, which would claim certainty
    interval: Interval | None  # of κ, -1..1; None where it is not demonstrated

    def __str__(self) -> str:
        if self.value is None:
            return "not demonstrated: only one verdict was ever given"
        bounds = f" ({self.interval.low:.2f} – {self.interval.high:.2f})" if self.interval else ""
        return f"{self.value:.2f}{bounds}"

    def as_dict(self) -> dict[str, object]:
        """For JSON; what is not demonstrated is null."""
        return {
            "kappa": _rounded(self.value),
            "se": _rounded(self.se),
            "low": _rounded(self.interval.low) if self.interval else None,
            "high": _rounded(self.interval.high) if self.interval else None,
            "agreement": round(self.agreement, 5),
            "chance": round(self.chance, 5),
        }


def cohen_kappa(table: ArrayLike, *, independent: int | None = None, confidence: float = 0.95) -> Kappa:
    """Cohen's κ (1960) of a table `(2, 2)`: counts of the first judge's verdict (rows) by the second's (columns).

    The standard error is that of Fleiss, Cohen & Everitt (1969). The interval is not built on it, because it is 0 when
    the judges agree always: κ ± z·se would then be a single point. See `_interval`. `independent` is the number of
    independent parts behind the table, if parts were judged more than once; it widens the interval, not the error.

    Raises:
        ValueError: no table of counts, an empty one, or `independent` outside 1..total.
    """
    counts = np.asarray(table, np.float64)
    if counts.shape != (2, 2) or (counts < 0).any() or not np.isfinite(counts).all():
        raise ValueError(f"table: expected counts (2, 2), got {counts.tolist()}")
    total = float(counts.sum())
    if total == 0:
        raise ValueError("table: nothing was judged")
    parts = total if independent is None else independent
    if not 1 <= parts <= total:
        raise ValueError(f"independent: expected 1..{total:.0f}, got {parts}")
    shares = counts / total
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    agreement, chance = float(np.trace(shares)), float(first @ second)
    if counts[0, 0] == total or counts[1, 1] == total:
        return Kappa(agreement, chance, None, None, None)
    value = (agreement - chance) / (1 - chance)
    variance = _cohen_variance(shares, value, chance) / total
    return Kappa(
        agreement=agreement,
        chance=chance,
        value=value,
        se=float(np.sqrt(variance)) if variance > 1e-15 else None,
        interval=_interval(value, float(first[0] + second[0]) / 2, float(parts), confidence),
    )


def _cohen_variance(shares: F64, value: float, chance: float) -> float:
    """Of one verdict, large samples: equation 13 of Fleiss, Cohen & Everitt, Psychological Bulletin 72 (1969), 323."""
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    off = 1 - value
    weight = ((second[:, None] + first[None, :]) * off) ** 2  # cell (i, j): what i is to the second and j to the first
    np.fill_diagonal(weight, (1 - (first + second) * off) ** 2)
    return float(((shares * weight).sum() - (value - chance * off) ** 2) / (1 - chance) ** 2)


def _interval(value: float, margin: float, parts: float, confidence: float) -> Interval:
    """Every κ that `value` does not contradict, its variance taken at that κ and not at the estimate.

    The idea of Wilson (1927), brought to κ by Donner & Eliasziw (1992), with the variance of Bloch & Kraemer,
    Biometrics 45 (1989), 269: two judges who both say the first verdict with share `margin`.
    """
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    odds = margin / (1 - margin)
    least = min(value, -min(odds, 1 / odds))  # below it a cell of the table would be negative; min for rounding

    def contradiction(kappa: float) -> float:
        spread = (1 - kappa) * (1 - 2 * kappa) + kappa * (2 - kappa) / (2 * margin * (1 - margin))
        return parts * (value - kappa) ** 2 - z2 * (1 - kappa) * spread

    below, above = value - _OFF, value + _OFF
    low = float(brentq(contradiction, least, below)) if least < below and contradiction(least) > 0 else least
    high = float(brentq(contradiction, above, 1.0)) if above < 1 else 1.0
    return Interval(low, high)


def fleiss_kappa(counts: ArrayLike) -> Kappa:
    """Fleiss' κ (1971) of `(parts, categories)`: how many of the m judges put each part in each category.

    The standard error holds at any κ, not only at 0, and counts parts: Gwet, "Large-sample variance of Fleiss
    generalized kappa", Educational and Psychological Measurement 81 (2021). One part tells nothing about it.

    Raises:
        ValueError: no such table, fewer than two judges, or a number of judges that differs between parts.
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or not table.size or (table < 0).any() or not np.isfinite(table).all():
        raise ValueError(f"counts: expected (parts, categories), got shape {table.shape}")
    judges = float(table[0].sum())
    if judges < 2 or (table.sum(axis=1) != judges).any():
        raise ValueError("counts: every part needs the same number of judges, two or more")
    parts = len(table)
    share = table.mean(axis=0) / judges
    agreeing = (table * (table - 1)).sum(axis=1) / (judges * (judges - 1))
    agreement, chance = float(agreeing.mean()), float((share**2).sum())
    if np.count_nonzero(share) == 1:
        return Kappa(agreement, chance, None, None, None)
    value = (agreement - chance) / (1 - chance)
    by_part = (agreeing - chance) / (1 - chance) - 2 * (1 - value) * (table @ share / judges - chance) / (1 - chance)
    spread = float(((by_part - value) ** 2).sum())
    known = parts > 1 and spread > 1e-15
    return Kappa(agreement, chance, value, float(np.sqrt(spread / (parts * (parts - 1)))) if known else None, None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
