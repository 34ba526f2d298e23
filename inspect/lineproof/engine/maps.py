"""The head as the network gives it, one grid of cells per stride: only cells that pass the floor are ever decoded.

Decoding every box in the graph costs 5 % of a YOLOv8n run at 640 pixels; here it costs some microseconds per survivor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

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
    grids = _grids(tuple((level.stride, *level.logits.shape[1:]) for level in levels))
    parts = [
        part for level, first in zip(levels, grids.first, strict=True) if (part := _survivors(level, first, least))
    ]
    if not parts:
        return _NONE
    class_id, anchor, logits, sides = (np.concatenate(columns, axis=-1) for columns in zip(*parts, strict=True))
    xyxy = grids.centre[anchor] + _distances(sides) * grids.reach[anchor]
    if not math.isfinite(logits.sum()):
        raise _not_finite("scores")
    if not math.isfinite(xyxy.sum()):
        raise _not_finite("boxes")
    return Candidates(xyxy, np.reciprocal(1 + np.exp(-logits)), class_id, anchor)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Grids:
    """Where the cells of all levels lie on the input, in its pixels."""

    first: tuple[int, ...]  # number of each level's first cell
    centre: NDArray[np.float32]  # (cells, 4) x, y, x, y
    reach: NDArray[np.float32]  # (cells, 4) what one cell of distance to left, top, right, bottom adds


@lru_cache(maxsize=16)  # of a model of dynamic size, whose frames may differ
def _grids(levels: tuple[tuple[int, int, int], ...]) -> _Grids:
    """Of levels `(stride, height, width)`: the same at every run, so made once."""
    centres, reaches, first = [], [], [0]
    for stride, height, width in levels:
        y, x = np.divmod(np.arange(height * width), width)
        centres.append((np.stack([x, y, x, y], 1).astype(np.float32) + np.float32(0.5)) * stride)
        reaches.append(np.tile(np.array([-stride, -stride, stride, stride], np.float32), (height * width, 1)))
        first.append(first[-1] + height * width)
    return _Grids(tuple(first[:-1]), np.concatenate(centres), np.concatenate(reaches))


_Columns = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]


def _survivors(level: Level, first: int, least: float) -> _Columns | None:
    """Class, number, logit `(n,)` and sides `(4, bins, n)` of the cells above `least`; None, the common case, for none."""
    flat = level.logits.reshape(-1)
    # The least of them is NaN or minus infinity when any is; plus infinity is above the floor, and found there.
    if not math.isfinite(flat.min()):
        raise _not_finite("scores")
    hits = np.flatnonzero(flat > least)
    if len(hits) == 0:
        return None
    _, height, width = level.logits.shape
    class_id = hits // (height * width)
    cell = hits - class_id * (height * width)
    sides = level.sides.reshape(4, len(level.sides) // 4, -1)[:, :, cell]
    return class_id, cell + first, flat[hits].astype(np.float32, copy=False), sides.astype(np.float32, copy=False)


def _logit(score: float) -> float:
    if not 0 < score < 1:
        return -math.inf if score <= 0 else math.inf
    return math.log(score / (1 - score))


def _distances(sides: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(n, 4)` in cells from logits `(4, bins, n)`: each is the mean of a distribution over whole cells.

    DFL, arXiv 2006.04388.
    """
    weights = np.exp(sides - sides.max(axis=1, keepdims=True))
    sums = _bins(sides.shape[1]) @ weights  # (4, 2, n)
    distances: NDArray[np.float32] = (sums[:, 0] / sums[:, 1]).T
    return distances


@cache
def _bins(count: int) -> NDArray[np.float32]:
    """`(2, bins)`: what each bin stands for, and ones, so that one product gives the mean and what to divide it by."""
    return np.stack([np.arange(count), np.ones(count)]).astype(np.float32)


def _not_finite(what: str) -> EngineError:
    return EngineError(f"the model gave {what} that are not finite", hint="export the model again; check the GPU")


_NONE = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp), np.empty(0, np.intp))
