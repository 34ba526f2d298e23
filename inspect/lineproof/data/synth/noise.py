"""Random fields: the grain, mottling and streaks that surfaces are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from lineproof.data.synth.raster import F32, Rng, enlarge, f32, resize


def white(rng: Rng, height: int, width: int) -> F32:
    """Return independent standard normal values (H, W)."""
    return rng.standard_normal((height, width), dtype=np.float32)


def smooth(rng: Rng, height: int, width: int, cell_px: float) -> F32:
    """Return noise (H, W) of about unit deviation whose features are about `cell_px` wide."""
    rows, columns = max(2, math.ceil(height / cell_px) + 1), max(2, math.ceil(width / cell_px) + 1)
    # Cubic interpolation between independent values keeps about 0.7 of their deviation.
    values = white(rng, rows, columns) * np.float32(1.4)
    if cell_px >= 12 and min(height, width) >= 64:  # coarse fields bend little: the last factor of four can be linear
        values = resize(values, width // 4 + 1, height // 4 + 1)
        return enlarge(values, width, height)
    return resize(values, width, height)


def octaves(rng: Rng, height: int, width: int, cells_px: Sequence[float], weights: Sequence[float]) -> F32:
    """Return a weighted sum of smooth fields, coarse and fine, scaled back to about unit deviation."""
    total = np.zeros((height, width), np.float32)
    for cell_px, weight in zip(cells_px, weights, strict=True):
        total += np.float32(weight) * smooth(rng, height, width, cell_px)
    return total * np.float32(1 / math.sqrt(sum(w * w for w in weights)))


def streaks(rng: Rng, height: int, width: int, length_px: int) -> F32:
    """Return noise of about unit deviation that is smeared along x over `length_px`."""
    length = max(1, min(length_px, width) | 1)
    blurred = cv2.blur(white(rng, height, width), (length, 1), borderType=cv2.BORDER_REFLECT_101)
    return f32(blurred) * np.float32(math.sqrt(length))


def profile(rng: Rng, count: int, cell: float) -> F32:
    """Return one row (count,) of smooth noise of about unit deviation."""
    return f32(smooth(rng, 1, count, cell)[0])
