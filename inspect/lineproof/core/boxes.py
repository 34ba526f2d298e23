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
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.maximum(high - low, 0.0)
    inter = size[..., 0] * size[..., 1]
    union = box_area(a)[:, None] + box_area(b)[None, :] - inter
    iou: F32 = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0).astype(np.float32, copy=False)
    return iou
