"""What errors cost: the price of an operating point, and the threshold that prices call for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.errors import InputError
from lineproof.proof.intervals import upper_bound
from lineproof.proof.point.calibration import F64, Bools

_DRAWS = 500
_POINTS = 128  # of the curve, from each kind of part
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Costs:
    """Prices of one escape, one good part rejected, and one part looked at, in any currency; and how many are bad.

    Raises:
        InputError: a price that is not above 0, or a prior outside 0..1.
    """

    escape: float
    overkill: float
    prior: float  # share of bad parts in production, before inspection
    review: float | None = None  # None: a good part sent to review costs what a rejected one does

    def __post_init__(self) -> None:
        for name in ("escape", "overkill", "review"):
            price = getattr(self, name)
            if price is not None and not (0 < price < float("inf")):
                raise InputError(f"costs.{name}: {price} is no price", hint="give a number above 0")
        if not 0 < self.prior < 1:
            raise InputError(f"costs.prior: {self.prior} is no share of bad parts", hint="0.02 means 2 of 100")

    def per_part(self, escape: float, overkill: float, review_bad: float = 0.0, review_good: float = 0.0) -> float:
        """Expected cost of one part: π(e·Cₑ + rᵇ·Cᵣ) + (1-π)((o-rᵍ)·Cₒ + rᵍ·Cᵣ).

        Args:
            escape: share of bad parts that pass.
            overkill: share of good parts that do not pass, those sent to review among them.
            review_bad: share of bad parts sent to review, where review has a price.
            review_good: share of good parts sent to review.
        """
        look_bad, look_good = (0.0, self.overkill) if self.review is None else (self.review, self.review)
        bad = escape * self.escape + review_bad * look_bad
        good = (overkill - review_good) * self.overkill + review_good * look_good
        return self.prior * bad + (1 - self.prior) * good

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"escape": self.escape, "overkill": self.overkill, "prior": self.prior, "review": self.review}


def elkan_threshold(escape: float, overkill: float) -> float:
    """Reject from this probability of being bad on: Cₒ/(Cₒ+Cₑ) (Elkan, IJCAI 2001).

    Raises:
        InputError: a price that is not above 0.
    """
    for name, price in (("escape", escape), ("overkill", overkill)):
        if not price > 0:
            raise InputError(f"costs.{name}: {price} is no price", hint="give a number above 0")
    return overkill / (overkill + escape)


def at_base_rate(probability: float, prior: float, base_rate: float) -> float:
    """The same evidence among parts of another share of bad ones (Elkan, IJCAI 2001, theorem 2, as odds).

    Calibration parts hold more bad ones than production does; a probability calibrated on them is too high for it.

    Args:
        probability: at the share `prior`, between 0 and 1.
        prior: share of bad parts there.
        base_rate: share of bad parts where the probability is wanted.
    """
    odds = probability / (1 - probability) * (1 - prior) / prior * base_rate / (1 - base_rate)
    return odds / (1 + odds)


@dataclass(frozen=True, slots=True, eq=False)
class CostCurve:
    """Expected cost per part over the threshold, from strict to loose, with a 95 % band."""

    costs: Costs
    threshold: F64  # (m,) rising
    cost: F64  # (m,)
    low: F64  # (m,)
    high: F64  # (m,)
    base_rate: float  # share of bad parts among those calibrated on
    groups: int

    @property
    def cheapest(self) -> int:
        """The row of the lowest cost; of equal ones the strictest."""
        return int(np.argmin(self.cost))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        columns = {"threshold": self.threshold, "cost": self.cost, "low": self.low, "high": self.high}
        facts = {name: [round(value, 6) for value in column.tolist()] for name, column in columns.items()}
        return {"costs": self.costs.as_dict(), "groups": self.groups, **facts}


def cost_curve(bad: Bools, level: F64, group: NDArray[np.generic], costs: Costs, *, seed: int = 0) -> CostCurve:
    """Cost of rejecting from each threshold on, with a percentile bootstrap over groups of parts; no review.

    Groups are drawn within those of bad parts, of good parts and of both, since the prior is given and not estimated.
    A resample cannot show a miss that no part showed: the upper edge is never below the cost at the exact bound for no
    miss at all.

    Args:
        bad: `(n,)` which parts are bad.
        level: `(n,)` of each; rejected where at least the threshold.
        group: `(n,)` parts that belong together.
        costs: prices and prior; a price of review is without effect here.
        seed: of the resamples.

    Raises:
        InputError: no bad parts, or no good ones.
    """
    for kind, there in (("bad", bad.any()), ("good", (~bad).any())):
        if not there:
            raise InputError(f"no {kind} parts: nothing to price", hint="add some to the calibration parts")
    threshold = _grid(bad, level)
    place = np.searchsorted(threshold, level, side="right")  # passes at every threshold from this row on
    names, member = np.unique(group, return_inverse=True)
    cost = _cost(costs, place, bad, np.ones(len(bad)), len(threshold))
    rng = np.random.default_rng(seed)
    strata = _strata(bad, member, len(names))
    drawn = np.empty((_DRAWS, len(threshold)))
    for draw in drawn:
        times = np.zeros(len(names))
        for rows in strata:
            times[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        draw[:] = _cost(costs, place, bad, times[member], len(threshold))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    bad_groups = len(np.unique(member[bad]))
    passed = np.cumsum(np.bincount(place[~bad], minlength=len(threshold) + 1))[:-1]
    unseen = costs.prior * costs.escape * upper_bound(0, bad_groups, 1 - tail)
    least = unseen + (1 - costs.prior) * costs.overkill * (1 - passed / (~bad).sum())
    return CostCurve(costs, threshold, cost, low, np.maximum(high, least), float(bad.mean()), len(names))


def _grid(bad: Bools, level: F64) -> F64:
    """Levels that occur, spread over both kinds of part, and one above all of them."""
    shares = np.linspace(0, 1, _POINTS)
    found = np.concatenate([np.quantile(level[kind], shares, method="inverted_cdf") for kind in (bad, ~bad)])
    return np.unique(np.append(found[found > 0], 1.0))


def _strata(bad: Bools, member: NDArray[np.intp], groups: int) -> list[NDArray[np.intp]]:
    has_bad, has_good = (np.bincount(member[kind], minlength=groups) > 0 for kind in (bad, ~bad))
    kinds = (has_bad & has_good, has_bad & ~has_good, has_good & ~has_bad)
    return [np.flatnonzero(kind) for kind in kinds if kind.any()]


def _cost(costs: Costs, place: NDArray[np.intp], bad: Bools, times: F64, thresholds: int) -> F64:
    """Cost `(thresholds,)` with each part counted so many times."""
    passed = [np.cumsum(np.bincount(place[kind], times[kind], thresholds + 1)) for kind in (bad, ~bad)]
    escape, right = (counts[:-1] / counts[-1] for counts in passed)
    cost: F64 = costs.prior * costs.escape * escape + (1 - costs.prior) * costs.overkill * (1 - right)
    return cost
