"""The head as the network gives it, one grid of cells per stride: only cells that pass the floor are ever decoded.

Decoding every box in the graph costs 5 % of a YOLOv8n run at 640 pixels; here it costs some microseconds per survivor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.engine.decode import Candidates
from lineproof.errors import EngineError


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The maps of one stride for one image; float32 or float16."""

    stride: int
    sides: NDArray[np.float32]  # (4 × bins, h, w): logits of the distances to left, top, right, bottom, in cells
    logits: NDArray[np.float32]  # (classes, h, w)
    coefficients: NDArray[np.float32] | None = None  # (m, h, w)


def find_in_maps(levels: Sequence[Level], score_floor: float) -> Candidates:
    """Every (cell, class) pair above the floor; `anchor` counts cells level by level, row by row.

    Raises:
        EngineError: a logit, or a survivor's box, is not finite. A comparison with NaN is false, so without this check a
            broken run would look like a good part.
    """
    least = _logit(score_floor)
    hits = [_hits(level, least) for level in levels]
    sides = np.concatenate([_sides(level, cell) for level, (_, cell) in zip(levels, hits, strict=True)], axis=2)
    centre = np.concatenate([_centres(level, cell) for level, (_, cell) in zip(levels, hits, strict=True)])
    strides = np.repeat(np.array([level.stride for level in levels], np.float32), [len(cell) for _, cell in hits])
    logits = np.concatenate([_chosen(level, hit) for level, hit in zip(levels, hits, strict=True)])
    first_cells = np.cumsum([0, *(level.logits[0].size for level in levels[:-1])]).tolist()
    return Candidates(
        _boxes(sides, centre, strides),
        np.reciprocal(1 + np.exp(-logits)),
        np.concatenate([class_id for class_id, _ in hits]),
        np.concatenate([cell + first for (_, cell), first in zip(hits, first_cells, strict=True)]),
    )


def coefficients_at(levels: Sequence[Level], anchors: NDArray[np.intp]) -> NDArray[np.float32]:
    """Mask coefficients `(n, m)` of some cells, numbered as in `find_in_maps`."""
    maps = [level.coefficients for level in levels if level.coefficients is not None]
    found = np.empty((len(anchors), len(maps[0])), np.float32)
    first_cell = 0
    for planes in maps:
        flat = planes.reshape(len(planes), -1)
        here = (anchors >= first_cell) & (anchors < first_cell + flat.shape[1])
        found[here] = flat[:, anchors[here] - first_cell].T
        first_cell += flat.shape[1]
    return found


def _logit(score: float) -> float:
    if not 0 < score < 1:
        return -math.inf if score <= 0 else math.inf
    return math.log(score / (1 - score))


def _hits(level: Level, least: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Class and cell of every logit above `least`."""
    logits = level.logits
    if not (np.isfinite(logits.min()) and np.isfinite(logits.max())):
        raise EngineError("the model gave scores that are not finite", hint="export the model again; check the GPU")
    class_id, cell = np.divmod(np.flatnonzero(logits.reshape(-1) > least), logits[0].size)
    return class_id, cell


def _chosen(level: Level, hit: tuple[NDArray[np.intp], NDArray[np.intp]]) -> NDArray[np.float32]:
    class_id, cell = hit
    return level.logits.reshape(len(level.logits), -1)[class_id, cell].astype(np.float32, copy=False)


def _sides(level: Level, cell: NDArray[np.intp]) -> NDArray[np.float32]:
    """`(4, bins, n)` logits of the distances of some cells."""
    return level.sides.reshape(4, len(level.sides) // 4, -1)[:, :, cell].astype(np.float32, copy=False)


def _centres(level: Level, cell: NDArray[np.intp]) -> NDArray[np.float32]:
    """`(n, 2)` x and y of some cells' centres, in cells."""
    y, x = np.divmod(cell, level.logits.shape[2])
    return np.stack([x, y], 1).astype(np.float32) + np.float32(0.5)


def _boxes(
    sides: NDArray[np.float32], centre: NDArray[np.float32], strides: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`(n, 4)` xyxy in input pixels: each side is the mean of a distribution over whole cells (DFL, arXiv 2006.04388)."""
    weights = np.exp(sides - sides.max(axis=1, keepdims=True, initial=-np.inf))
    bins = np.arange(sides.shape[1], dtype=np.float32)
    distance = np.einsum("sbn,b->ns", weights, bins) / weights.sum(axis=1).T
    if not np.isfinite(distance).all():
        raise EngineError("the model gave boxes that are not finite", hint="export the model again; check the GPU")
    return np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], 1) * strides[:, None]
