"""Scores of a detector to probabilities that the part is bad, and how far those can be trusted.

Platt's sigmoid has two parameters and fits from few parts; isotonic regression follows any shape and needs many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

from lineproof.proof.intervals import Interval, clopper_pearson

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Ten events for each of a sigmoid's two parameters (Peduzzi et al., J. Clin. Epidemiol. 1996).
LEAST_OF_EACH = 20
# Below about a thousand parts isotonic regression follows the noise (Niculescu-Mizil & Caruana, ICML 2005, figure 7).
ISOTONIC_PARTS, ISOTONIC_OF_EACH = 1000, 200


@dataclass(frozen=True, slots=True)
class AsIs:
    """The score itself: too few parts to say more, or scores that tell nothing."""

    def probability(self, score: F64) -> F64:
        """The same numbers `(n,)`; they order parts but are no probabilities."""
        return score

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"method": "none"}


@dataclass(frozen=True, slots=True)
class Platt:
    """P(bad) = 1 / (1 + exp(-(slope · score + intercept))) (Platt 1999)."""

    slope: float
    intercept: float

    def probability(self, score: F64) -> F64:
        """Of each score `(n,)`, 0..1."""
        return np.asarray(expit(self.slope * score + self.intercept), np.float64)

    def as_dict(self) -> dict[str, object]:
        """For JSON, to the last digit: a threshold read off a rounded curve is another threshold."""
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Straight lines between the centres of the blocks of an isotonic regression, from (0, 0) to (1, 1).

    Centred, so that it rises everywhere and scores of one block stay in order (Oron & Flournoy, Stat. Biopharm. Res.
    2017); at the centres it is the isotonic regression.
    """

    score: tuple[float, ...]  # rising
    value: tuple[float, ...]  # rising, as long

    def probability(self, score: F64) -> F64:
        """Of each score `(n,)`, 0..1."""
        return np.interp(score, self.score, self.value)

    def as_dict(self) -> dict[str, object]:
        """For JSON, to the last digit."""
        return {"method": "isotonic", "score": list(self.score), "value": list(self.value)}


Calibrator = AsIs | Platt | Isotonic


def fit_calibrator(bad: Bools, score: F64) -> Calibrator:
    """Isotonic from enough parts of both kinds, else Platt; the score as it is from too few, or where none would rise.

    Args:
        bad: `(n,)` which parts are bad.
        score: `(n,)` of each, 0..1.
    """
    fewer = min(int(bad.sum()), int((~bad).sum()))
    if fewer < LEAST_OF_EACH:
        return AsIs()
    if len(bad) >= ISOTONIC_PARTS and fewer >= ISOTONIC_OF_EACH:
        return fit_isotonic(bad, score)
    platt = fit_platt(bad, score)
    return platt if platt.slope > 0 else AsIs()


def fit_platt(bad: Bools, score: F64) -> Platt:
    """The sigmoid of greatest likelihood for Platt's targets; exists even where the scores separate good from bad.

    Newton's steps inside a trust region: the loss is convex (Lin, Lin & Weng, Machine Learning 2007).
    """
    target = platt_targets(bad)

    def loss(at: F64) -> tuple[float, F64]:
        margin = at[0] * score + at[1]
        misfit = expit(margin) - target
        total = float((np.logaddexp(0, margin) - target * margin).sum())
        return total, np.array([(misfit * score).sum(), misfit.sum()])

    def curvature(at: F64) -> F64:
        p = expit(at[0] * score + at[1])
        weight = p * (1 - p)
        mixed = (weight * score).sum()
        return np.array([[(weight * score**2).sum(), mixed], [mixed, weight.sum()]])

    base = target.mean()
    start = np.array([0.0, np.log(base / (1 - base))])
    found = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-8 * len(bad)})
    return Platt(float(found.x[0]), float(found.x[1]))


def platt_targets(bad: Bools) -> F64:
    """(N₊+1)/(N₊+2) for bad parts and 1/(N₋+2) for good ones `(n,)`: no certainty from finitely many (Platt 1999)."""
    bad_parts, good_parts = int(bad.sum()), int((~bad).sum())
    return np.where(bad, (bad_parts + 1) / (bad_parts + 2), 1 / (good_parts + 2))


def fit_isotonic(bad: Bools, score: F64) -> Isotonic:
    """Pool adjacent violators on Platt's targets, so that no block says 0 or 1; equal scores are one point."""
    scores, place, weight = np.unique(score, return_inverse=True, return_counts=True)
    mean = np.bincount(place, platt_targets(bad)) / weight
    fitted = isotonic_regression(mean, weights=weight)
    starts = fitted.blocks[:-1]
    starts = starts[np.diff(fitted.x[starts], prepend=-1.0) > 1e-12]  # neighbours of one value are one block
    centre = np.add.reduceat(scores * weight, starts) / np.add.reduceat(weight, starts)
    inner = (centre > 0) & (centre < 1)
    x, y = centre[inner].tolist(), fitted.x[starts][inner].tolist()
    return Isotonic((0.0, *x, 1.0), (0.0, *y, 1.0))


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """Parts whose probability lies in one bin: what was said, and how many were bad."""

    low: float  # left out of the bin, but for 0
    high: float
    parts: int
    bad: int
    said: float  # mean probability

    @property
    def seen(self) -> float:
        """The share that was bad."""
        return self.bad / self.parts

    @property
    def interval(self) -> Interval:
        """Of that share: exact, two-sided, 95 %."""
        return clopper_pearson(self.bad, self.parts)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        facts = {"low": self.low, "high": self.high, "parts": self.parts, "bad": self.bad, "said": self.said}
        facts |= {"seen": self.seen, "seen_low": self.interval.low, "seen_high": self.interval.high}
        return {name: round(value, 6) for name, value in facts.items()}


def reliability_table(bad: Bools, probability: F64, bins: int = 10) -> tuple[ReliabilityRow, ...]:
    """Bins of equal width from low to high; empty ones are left out.

    Args:
        bad: `(n,)` which parts are bad.
        probability: `(n,)` what the calibrator says of each, 0..1.
        bins: how many.

    Raises:
        ValueError: no parts, or a probability outside 0..1.
    """
    _checked(bad, probability)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], probability)
    parts = np.bincount(place, minlength=bins)
    were_bad = np.bincount(place, bad, minlength=bins)
    total = np.bincount(place, probability, minlength=bins)
    return tuple(
        ReliabilityRow(
            float(edges[i]), float(edges[i + 1]), int(parts[i]), int(were_bad[i]), float(total[i] / parts[i])
        )
        for i in np.flatnonzero(parts)
    )


def expected_calibration_error(rows: tuple[ReliabilityRow, ...]) -> float:
    """Mean distance, weighted by parts, between what was said and what was seen (Naeini et al., AAAI 2015)."""
    return sum(row.parts * abs(row.seen - row.said) for row in rows) / sum(row.parts for row in rows)


def brier_score(bad: Bools, probability: F64) -> float:
    """Mean squared distance from the truth; 0 is perfect (Brier, Monthly Weather Review 1950).

    Raises:
        ValueError: no parts, or a probability outside 0..1.
    """
    _checked(bad, probability)
    return float(((probability - bad) ** 2).mean())


def _checked(bad: Bools, probability: F64) -> None:
    if bad.shape != probability.shape or bad.size == 0:
        raise ValueError(f"bad {bad.shape} and probability {probability.shape}: expected two columns, one row a part")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probability: expected values in 0..1")
