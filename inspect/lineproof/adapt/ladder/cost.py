"""What mistakes cost: the expected cost of a part, and the operating point that makes it least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.ladder.figures import PartMargins
from lineproof.adapt.ladder.resample import draw_groups
from lineproof.errors import InputError

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Costs:
    """In one currency; the prior is the share of bad parts on the line, which a dataset does not tell."""

    escape: float  # a bad part that passes
    overkill: float  # a good part that is rejected
    prior: float

    def __post_init__(self) -> None:
        """Raise InputError for what is no cost, or no share."""
        if self.escape < 0 or self.overkill < 0 or self.escape + self.overkill == 0:
            raise InputError("costs must not be negative, nor both 0", hint="--cost-escape 500 --cost-overkill 2")
        if not 0 < self.prior < 1:
            raise InputError(f"--prior {self.prior}: a share of bad parts between 0 and 1", hint="--prior 0.01")

    @property
    def pass_all(self) -> float:
        """Per part, without any inspection."""
        return self.prior * self.escape

    @property
    def reject_all(self) -> float:
        """Per part, if nothing ever passed."""
        return (1 - self.prior) * self.overkill


@dataclass(frozen=True, slots=True)
class CostPoint:
    """An operating point: log-odds added to every class's sealed threshold, and its expected cost per part."""

    shift: float
    cost: float
    escapes: int
    overkill: int


def check_both_kinds(parts: PartMargins) -> None:
    """Raise InputError unless both mistakes can be counted."""
    for kind, there, mistake in (("bad", any(parts.bad), "escapes"), ("good", not all(parts.bad), "overkill")):
        if not there:
            raise InputError(
                f"no {kind} part in the validation split: {mistake} cannot be counted, so there is no cost",
                hint="use --rank map, or add such parts",
            )


def cheapest(parts: PartMargins, costs: Costs) -> CostPoint:
    """The cut with the least expected cost: one shift for all classes, which is all that few parts can tell.

    Of equally cheap cuts the middle of the widest gap is taken. A part in which nothing was found always passes.
    """
    margin, bad = _columns(parts)
    levels = np.unique(margin[np.isfinite(margin)])
    if levels.size == 0:
        return at_shift(parts, costs, 0.0)
    edges = np.concatenate([[levels[0] - 1.0], (levels[1:] + levels[:-1]) / 2, [levels[-1] + 1.0]])
    width = np.concatenate([[1.0], np.diff(levels), [1.0]])
    escapes = np.array([(bad & (margin < edge)).sum() for edge in edges])
    overkill = np.array([(~bad & (margin >= edge)).sum() for edge in edges])
    cost = _expected(escapes, overkill, int(bad.sum()), int((~bad).sum()), costs)
    ties = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-9, atol=1e-12))
    best = int(ties[np.argmax(width[ties])])
    return CostPoint(float(edges[best]), float(cost[best]), int(escapes[best]), int(overkill[best]))


def at_shift(parts: PartMargins, costs: Costs, shift: float) -> CostPoint:
    """The cost of an operating point that was chosen elsewhere: the honest figure on a test split."""
    margin, bad = _columns(parts)
    escapes, overkill = int((bad & (margin < shift)).sum()), int((~bad & (margin >= shift)).sum())
    cost = _expected(np.array([escapes]), np.array([overkill]), int(bad.sum()), int((~bad).sum()), costs)
    return CostPoint(shift, float(cost[0]), escapes, overkill)


def drawn_costs(parts: PartMargins, costs: Costs, shift: float, seed: str) -> NDArray[np.float64]:
    """The cost on parts drawn anew, DRAWS times; nan where a draw has no bad part, or no good one."""
    margin, bad = _columns(parts)
    counts, group_of = draw_groups(parts.group, DRAWS, seed)
    times = counts[:, group_of]  # (draws, parts)
    return _expected(
        times @ (bad & (margin < shift)), times @ (~bad & (margin >= shift)), times @ bad, times @ ~bad, costs
    )


def one_part(parts: PartMargins, costs: Costs) -> float:
    """What one more mistake of each kind changes: the finest difference that so few parts can show.

    Without it a bootstrap is sure of everything where there is one good part: it comes out the same in every draw.
    """
    bad = sum(parts.bad)
    escape, overkill = costs.prior * costs.escape / bad, (1 - costs.prior) * costs.overkill / (len(parts.bad) - bad)
    return float(np.hypot(escape, overkill))


def shifted(threshold: float, shift: float) -> float:
    """A score threshold moved by log-odds."""
    return float(1 / (1 + np.exp(-(log_odds(threshold) + shift))))


def log_odds(score: float) -> float:
    """Of a score, held off 0 and 1."""
    held = min(max(score, 1e-6), 1 - 1e-6)
    return float(np.log(held / (1 - held)))


def _columns(parts: PartMargins) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    margin = np.array([-np.inf if value is None else value for value in parts.margin], np.float64)
    return margin, np.array(parts.bad, np.bool_)


def _expected(
    escapes: NDArray[np.int64],
    overkill: NDArray[np.int64],
    bad: int | NDArray[np.int64],
    good: int | NDArray[np.int64],
    costs: Costs,
) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        escape_rate, overkill_rate = np.true_divide(escapes, bad), np.true_divide(overkill, good)
    expected: NDArray[np.float64] = costs.prior * costs.escape * escape_rate
    return expected + (1 - costs.prior) * costs.overkill * overkill_rate
