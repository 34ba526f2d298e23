"""A mask kept as the bitmap of its box: 20 full-frame masks at 2448×2048 are 100 MB, their crops a few hundred kB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bitmap = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BoxMask:
    """A bitmap `(h, w)` whose top-left pixel is pixel `(x, y)` of the frame."""

    x: int
    y: int
    bitmap: Bitmap

    def __post_init__(self) -> None:
        """Raise ValueError unless the bitmap is a two-dimensional boolean array."""
        if self.bitmap.ndim != 2 or self.bitmap.dtype != np.bool_:
            raise ValueError(f"mask bitmap: expected (h, w) bool, got {self.bitmap.shape} {self.bitmap.dtype}")

    @classmethod
    def from_full(cls, mask: NDArray[np.generic]) -> BoxMask:
        """Crop a frame-sized mask `(H, W)` to its non-zero pixels; an empty mask becomes `(0, 0)`."""
        full = np.asarray(mask) != 0
        rows, columns = np.flatnonzero(full.any(axis=1)), np.flatnonzero(full.any(axis=0))
        if rows.size == 0:
            return cls(0, 0, np.zeros((0, 0), np.bool_))
        y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        return cls(x0, y0, full[y0:y1, x0:x1].copy())

    @property
    def area_px(self) -> int:
        """Number of set pixels."""
        return int(np.count_nonzero(self.bitmap))

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """The box of the bitmap, right and bottom exclusive."""
        height, width = self.bitmap.shape
        return self.x, self.y, self.x + width, self.y + height

    def shift(self, dx: int, dy: int) -> BoxMask:
        """The same mask moved by whole pixels."""
        return BoxMask(self.x + dx, self.y + dy, self.bitmap)

    def full(self, image_wh: tuple[int, int]) -> Bitmap:
        """The mask painted on a frame `(H, W)`; what lies outside is cut."""
        width, height = image_wh
        canvas = np.zeros((height, width), np.bool_)
        x0, y0, x1, y1 = self.xyxy
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if left < right and top < bottom:
            canvas[top:bottom, left:right] = self.bitmap[top - y0 : bottom - y0, left - x0 : right - x0]
        return canvas

    def polygons(self) -> list[NDArray[np.int32]]:
        """Outer contours `(k, 2)` in frame pixels, largest first; specks of fewer than three points are left out."""
        if self.bitmap.size == 0:
            return []
        found, _ = cv2.findContours(
            self.bitmap.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(self.x, self.y)
        )
        contours = [c.reshape(-1, 2).astype(np.int32) for c in found if len(c) >= 3]
        return sorted(contours, key=lambda c: -float(cv2.contourArea(c)))


def mask_iou(a: BoxMask, b: BoxMask) -> float:
    """Intersection over union of two masks; 0 where both are empty."""
    ax0, ay0, ax1, ay1 = a.xyxy
    bx0, by0, bx1, by1 = b.xyxy
    left, top, right, bottom = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    inter = 0
    if left < right and top < bottom:
        part_a = a.bitmap[top - ay0 : bottom - ay0, left - ax0 : right - ax0]
        part_b = b.bitmap[top - by0 : bottom - by0, left - bx0 : right - bx0]
        inter = int(np.count_nonzero(part_a & part_b))
    union = a.area_px + b.area_px - inter
    return inter / union if union else 0.0
