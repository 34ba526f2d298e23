"""Who is better, and whether these parts can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.ladder.cost import Costs, at_shift, cheapest, drawn_costs, one_part
from lineproof.adapt.ladder.figures import SplitFigures, TrialResult

Split = Literal["val", "test"]
_TWICE = 1.96  # standard errors: 95 % of a normal distribution

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is ranked by: expected cost per part, or mAP50-95."""

    costs: Costs | None
    split_hash: str

    @property
    def name(self) -> str:
        """For people."""
        return "expected cost per part" if self.costs else "mAP50-95"

    @property
    def low_is_good(self) -> bool:
        """Costs are, mAP is not."""
        return self.costs is not None

    def early(self, trials: Iterable[Mapping[int, TrialResult]]) -> Criterion:
        """What short schedules are ranked by: mAP50-95 where every trial has one.

        A network that has hardly learnt costs about as much as passing every part, and chance decides which costs least:
        on magnetic tiles the candidate that was cheapest in the end cost just that after 17 of 150 steps, and was dropped.
        """
        figures = [result.val for by_seed in trials for result in by_seed.values()]
        known = all(one is not None and one.map50_95 is not None for one in figures)
        return Criterion(None, self.split_hash) if known else self

    def score(self, result: TrialResult, split: Split = "val") -> Score | None:
        """A trial's figure; None where it has none. On the test split the operating point is that of validation."""
        figures = result.val if split == "val" else result.test
        if result.val is None or figures is None:
            return None
        if self.costs is None:
            return _map_score(figures)
        shift = cheapest(result.val.parts, self.costs).shift
        cost = at_shift(figures.parts, self.costs, shift).cost
        if not np.isfinite(cost):
            return None
        drawn = drawn_costs(figures.parts, self.costs, shift, self.split_hash + split)
        return Score(cost, drawn, one_part(figures.parts, self.costs))


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One trial's figure, and the same on parts drawn anew."""

    value: float
    drawn: Column
    finest: float = 0.0  # difference that the parts can show


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A candidate's figure over its seeds."""

    key: str
    values: tuple[float, ...]  # one a seed
    drawn: Column  # mean over seeds, per draw
    finest: float = 0.0  # difference that the parts can show

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.values))

    @property
    def seed_error(self) -> float | None:
        """Standard error over seeds; one seed has none."""
        return standard_error(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % of what other parts of the same kind would have given (percentile bootstrap over groups).

        None where nothing was drawn: before the last round only an order was needed.
        """
        known = self.drawn[np.isfinite(self.drawn)]
        if known.size == 0:
            return None
        low, high = np.percentile(known, (2.5, 97.5))
        return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Difference:
    """One candidate minus another, on the same parts and seeds."""

    mean: float
    error: float  # standard error: of the parts, and of the seeds where there are several

    @property
    def told(self) -> bool:
        """Whether these parts and seeds can tell it from nothing."""
        return abs(self.mean) > _TWICE * self.error


def standing(key: str, scores: Sequence[Score]) -> Standing:
    """A candidate's scores, one a seed."""
    drawn = np.mean([score.drawn for score in scores], axis=0) if scores else np.zeros(0)
    finest = max((score.finest for score in scores), default=0.0)
    return Standing(key, tuple(score.value for score in scores), drawn, finest)


def rank(standings: Mapping[str, Standing], *, low_is_good: bool) -> list[str]:
    """Keys, the best first; of equal ones in the order given."""
    return sorted(standings, key=lambda key: standings[key].mean if low_is_good else -standings[key].mean)


def difference(one: Standing, other: Standing) -> Difference:
    """Seed by seed, and draw by draw."""
    pairs = min(len(one.values), len(other.values))
    by_seed = np.subtract(one.values[:pairs], other.values[:pairs])
    by_draw = one.drawn - other.drawn
    by_draw = by_draw[np.isfinite(by_draw)]
    parts_error = float(np.std(by_draw, ddof=1)) if by_draw.size > 1 else 0.0
    seeds_error = standard_error(by_seed.tolist()) or 0.0
    finest = max(one.finest, other.finest)
    return Difference(float(by_seed.mean()), float(np.sqrt(parts_error**2 + seeds_error**2 + finest**2)))


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None for one value, which says nothing of its spread."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _map_score(figures: SplitFigures) -> Score | None:
    if figures.map50_95 is None:
        return None
    drawn = np.array([np.nan if value is None else value for value in figures.map_drawn], np.float64)
    return Score(figures.map50_95, drawn)
