"""A few images that stand for all: k-center greedy, drawn towards the doubtful ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.data.gap.space import F64, distances

# Weight of an image without any doubt: it is taken before a fully doubtful one only when it is ten times as far from
# everything annotated – a model can be sure and wrong about what it never saw.
LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Chosen:
    """One image of the pool."""

    row: int
    distance: float | None  # to the nearest annotated or chosen before it; None when there was none


def choose(
    pool: F64,
    count: int,
    *,
    annotated: F64,
    doubt: F64,
    clusters: Sequence[int] | NDArray[np.intp],
    seen: Collection[int] = (),
) -> list[Chosen]:
    """Up to `count` rows of the pool `(n, k)`, the most urgent first.

    Greedy k-center (Gonzalez 1985; as a core-set for annotation: Sener & Savarese, "Active learning for convolutional
    neural networks: a core-set approach", ICLR 2018): take the image furthest from all that is annotated `(m, k)` or
    already taken, and again. Without doubts it covers the pool within twice the best possible radius. Here every
    distance is multiplied by `0.1 + 0.9 · doubt` `(n,)`, so that among images equally new the most doubtful comes
    first. `clusters` `(n,)` numbers near-duplicates alike: one of a cluster is taken, and none of a cluster in `seen`.
    """
    weight = LEAST_WEIGHT + (1 - LEAST_WEIGHT) * np.asarray(doubt, np.float64)
    cluster = np.asarray(clusters)
    free = ~np.isin(cluster, np.asarray(list(seen), cluster.dtype))
    nearest = distances(pool, annotated).min(1) if len(annotated) else np.full(len(pool), np.inf)
    chosen: list[Chosen] = []
    while len(chosen) < count and free.any():
        row = _central(pool, weight, free) if np.isinf(nearest).all() else _furthest(nearest * weight, free)
        chosen.append(Chosen(row, None if np.isinf(nearest[row]) else float(nearest[row])))
        free &= cluster != cluster[row]
        nearest = np.minimum(nearest, distances(pool, pool[row : row + 1])[:, 0])
    return chosen


def _furthest(urgency: F64, free: NDArray[np.bool_]) -> int:
    return int(np.where(free, urgency, -1).argmax())


def _central(pool: F64, weight: F64, free: NDArray[np.bool_]) -> int:
    """The first of all: the most doubtful, and of several the most ordinary."""
    ordinary = -distances(pool, pool.mean(0, keepdims=True))[:, 0]
    best = np.lexsort((ordinary, np.where(free, weight, -1)))
    return int(best[-1])
