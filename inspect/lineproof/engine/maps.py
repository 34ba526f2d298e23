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
    found: list[Candidates] = []
    first_cell = 0
    for level in levels:
        found.append(_find(level, least, first_cell))
        first_cell += level.logits[0].size
    return Candidates(
        np.concatenate([part.xyxy for part in found]),
        np.concatenate([part.score for part in found]),
        np.concatenate([part.class_id for part in found]),
        np.concatenate([part.anchor for part in found]),
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


def _find(level: Level, least: float, first_cell: int) -> Candidates:
    logits = level.logits
    if not (np.isfinite(logits.min()) and np.isfinite(logits.max())):
        raise EngineError("the model gave scores that are not finite", hint="export the model again; check the GPU")
    _, height, width = logits.shape
    hits = np.flatnonzero(logits.reshape(-1) > least)
    class_id, cell = np.divmod(hits, height * width)
    score = np.reciprocal(1 + np.exp(-logits.reshape(-1)[hits].astype(np.float32)))
    return Candidates(_boxes(level, cell, width), score, class_id, cell + first_cell)


def _boxes(level: Level, cell: NDArray[np.intp], width: int) -> NDArray[np.float32]:
    """`(n, 4)` xyxy in input pixels: each side is the mean of a distribution over whole cells (DFL, arXiv 2006.04388)."""
    bins = len(level.sides) // 4
    sides = level.sides.reshape(4, bins, -1)[:, :, cell].astype(np.float32, copy=False)
    weights = np.exp(sides - sides.max(axis=1, keepdims=True, initial=-np.inf))
    distance = np.einsum("sbn,b->ns", weights, np.arange(bins, dtype=np.float32)) / weights.sum(axis=1).T
    if not np.isfinite(distance).all():
        raise EngineError("the model gave boxes that are not finite", hint="export the model again; check the GPU")
    y, x = np.divmod(cell, width)
    centre = np.stack([x, y], 1).astype(np.float32) + np.float32(0.5)
    xyxy: NDArray[np.float32] = np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], 1) * level.stride
    return xyxy
