"""Where it fails: the share of defects found in each slice of the data, so that a weak spot is not hidden by the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from lineproof.proof.rates import Rate

BINS = 4
LEAST = 5  # defects in a slice; fewer say nothing
# A slice is called weak when chance gives so bad a share, among this many slices of one property, less often than this.
WEAK = 0.05


@dataclass(frozen=True, slots=True)
class Slice:
    """Defects of one kind, and how many of them were found."""

    of: str  # size, class, zone, …
    name: str
    found: Rate
    weak: bool  # worse than the others, more than chance explains

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"of": self.of, "name": self.name, **self.found.as_dict(), "weak": self.weak}


def slices_by_name(of: str, names: Sequence[str], found: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """One slice for every name of a defect `(n,)`, the worst first."""
    labels = np.asarray(names, np.str_)
    kinds = sorted(set(labels.tolist()))
    rows = [(kind, labels == kind) for kind in kinds]
    return tuple(sorted(_slices(of, rows, found), key=lambda s: (s.found.value, s.name)))


def slices_by_value(
    of: str, values: NDArray[np.float64], found: NDArray[np.bool_], unit: str = ""
) -> tuple[Slice, ...]:
    """Quarters of a measured property `(n,)`, from low to high; fewer where many values are equal."""
    if values.size == 0:
        return ()
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for index in sorted(set(number.tolist())):
        inside = number == index
        low, high = float(values[inside].min()), float(values[inside].max())
        rows.append((f"{low:.3g}–{high:.3g}{f' {unit}' if unit else ''}", inside))
    return tuple(_slices(of, rows, found))


def _slices(of: str, rows: Sequence[tuple[str, NDArray[np.bool_]]], found: NDArray[np.bool_]) -> list[Slice]:
    return [
        Slice(of, name, Rate(int(found[inside].sum()), int(inside.sum())), _weak(inside, found, len(rows)))
        for name, inside in rows
    ]


def _weak(inside: NDArray[np.bool_], found: NDArray[np.bool_], slices: int) -> bool:
    """Fisher's exact test against all others, one-sided, with Bonferroni's correction for the slices looked at."""
    n = int(inside.sum())
    if n < LEAST or n == len(found):
        return False
    chance = float(_at_most(int(found[inside].sum()), len(found), int(found.sum()), n))
    return chance * slices < WEAK


def _at_most(hits: int, total: int, marked: int, drawn: int) -> float:
    """Chance of no more than `hits` marked ones among `drawn` of `total`, without replacement (hypergeometric)."""
    k = np.arange(max(0, drawn - (total - marked)), hits + 1)
    log = _log_choose(marked, k) + _log_choose(total - marked, drawn - k) - _log_choose(total, np.asarray(drawn))
    return min(1.0, float(np.exp(log).sum()))


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
