"""Masks as the single polygon ultralytics learns from: the exact outline of the pixels, parts joined by thin bridges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.data.converter import merge_multi_segment

from lineproof.core import BoxMask

Polygon = NDArray[np.float64]  # (k, 2) frame pixels, on pixel edges


def outline(mask: BoxMask) -> Polygon:
    """One closed polygon around every part of a mask; holes are filled, an empty mask gives no points."""
    parts = [_edges(part, mask) for part in _contours(mask)]
    if not parts:
        return np.zeros((0, 2), np.float64)
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(merge_multi_segment([part.ravel().tolist() for part in parts])).astype(np.float64)


def _contours(mask: BoxMask) -> list[NDArray[np.int32]]:
    """Outer contours `(k, 2)` of the bitmap at twice its size, so that opposite edges of a pixel can be told apart."""
    if mask.area_px == 0:
        return []
    doubled = np.repeat(np.repeat(mask.bitmap.astype(np.uint8), 2, axis=0), 2, axis=1)
    found, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour.reshape(-1, 2).astype(np.int32) for contour in found]


def _edges(contour: NDArray[np.int32], mask: BoxMask) -> Polygon:
    """From doubled pixels to pixel edges: the left half of pixel `i` is its edge `i`, the right half is `i + 1`."""
    corner = np.array([mask.x, mask.y], np.float64)
    return (contour + 1) // 2 + corner
