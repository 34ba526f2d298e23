"""Outlines to pixels: a pixel belongs to a polygon when its centre does, so a 10 px square has 100 pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask

Polygon = NDArray[np.float64]  # (k, 2) x, y in pixels, 0 at the left edge of the first pixel


def polygons_to_mask(polygons: list[Polygon], image_wh: tuple[int, int]) -> BoxMask:
    """The union of polygons, cut to the image; one too thin to hold a pixel centre keeps the pixels under its line."""
    x1, y1, x2, y2 = polygon_box(polygons)
    left, top = max(math.floor(x1), 0), max(math.floor(y1), 0)
    right, bottom = min(math.floor(x2) + 1, image_wh[0]), min(math.floor(y2) + 1, image_wh[1])
    if left >= right or top >= bottom:
        return BoxMask(0, 0, np.zeros((0, 0), np.bool_))
    size_wh = (right - left, bottom - top)
    canvas = np.zeros(size_wh[::-1], np.bool_)
    for polygon in polygons:
        local = polygon - [left, top]
        filled = _inside(local, size_wh)
        canvas |= filled if filled.any() else _line(local, size_wh)
    return BoxMask.from_full(canvas).shift(left, top)


def polygon_box(polygons: list[Polygon]) -> tuple[float, float, float, float]:
    """The box around all points, `x1, y1, x2, y2`."""
    points = np.concatenate(polygons)
    x1, y1 = points.min(axis=0)
    x2, y2 = points.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def _inside(polygon: Polygon, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """Even-odd filling at pixel centres: each edge flips every pixel to the right of where it crosses a row."""
    width, height = size_wh
    flips = np.zeros((height, width + 1), np.uint8)
    ends = np.roll(polygon, -1, axis=0)
    for (xa, ya), (xb, yb) in zip(polygon.tolist(), ends.tolist(), strict=True):
        first = max(math.ceil(min(ya, yb) - 0.5), 0)
        stop = min(math.ceil(max(ya, yb) - 0.5), height)
        if first >= stop:
            continue
        rows = np.arange(first, stop)
        crossing = xa + (rows + 0.5 - ya) * ((xb - xa) / (yb - ya))
        columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
        flips[rows, columns] ^= 1
    inside: NDArray[np.bool_] = np.bitwise_xor.accumulate(flips, axis=1)[:, :width].astype(np.bool_)
    return inside


def _line(polygon: Polygon, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels under the outline: a scratch drawn as a hair is still a scratch."""
    width, height = size_wh
    canvas = np.zeros((height, width), np.uint8)
    points = np.clip(np.floor(polygon), 0, [width - 1, height - 1]).astype(np.int32)
    cv2.polylines(canvas, [points.reshape(-1, 1, 2)], isClosed=True, color=(1,))
    return canvas.astype(np.bool_)
