"""Arithmetic on boxes: `xyxy (n, 4)`, x right, y down, in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def box_area(xyxy: F32) -> F32:
    """Areas `(n,)` in px² of boxes `(n, 4)`; an inverted box has area 0."""
    size = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0.0)
    area: F32 = (size[:, 0] * size[:, 1]).astype(np.float32, copy=False)
    return area


def clip_boxes(xyxy: F32, image_wh: tuple[int, int]) -> F32:
    """Boxes `(n, 4)` cut to the image; returns a new array."""
    width, height = image_wh
    limit = np.array([width, height, width, height], np.float32)
    cut: F32 = np.minimum(np.maximum(xyxy, 0.0), limit).astype(np.float32, copy=False)
    return cut


def box_iou(a: F32, b: F32) -> F32:
    """Pairwise intersection over union `(len(a), len(b))`; 0 where both boxes are empty."""
    # Side by side: an axis of two costs numpy four times as much.
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    inter = np.maximum(width, 0) * np.maximum(height, 0)
    union = box_area(a)[:, None] + box_area(b)[None, :] - inter
    iou: F32 = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0).astype(np.float32, copy=False)
    return iou
