"""Blur of the optics: a part that moved during the exposure, a part at another height."""

from __future__ import annotations

import math
from typing import Any

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image

Kernel = NDArray[np.float32]  # (h, w), sums to 1

_SUBPIXELS = 8  # kernels are drawn so many times as fine: radii and lengths need not be whole pixels


class BeltBlur(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Motion along the belt: a straight blur of `length_px` at `angle_deg`, give or take `spread_deg`.

    0° is along the rows, 90° along the columns, in between from right towards down.
    """

    def __init__(
        self,
        length_px: tuple[float, float] = (2.0, 6.0),
        angle_deg: float = 0.0,
        spread_deg: float = 2.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.length_px = tuple(length_px)
        self.angle_deg = angle_deg
        self.spread_deg = spread_deg

    def get_params(self) -> dict[str, Any]:
        """The kernel of one image."""
        angle = self.angle_deg + self.py_random.uniform(-self.spread_deg, self.spread_deg)
        return {"kernel": line_kernel(self.py_random.uniform(*self.length_px), angle)}

    def apply(self, img: Image, kernel: Kernel, **_: Any) -> Image:  # noqa: ANN401
        """The blurred image."""
        return np.asarray(cv2.filter2D(img, -1, kernel), np.uint8).reshape(img.shape)


class OutOfFocus(A.ImageOnlyTransform):  # type: ignore[misc]
    """A point becomes a disc of `radius_px`, the circle of confusion."""

    def __init__(self, radius_px: tuple[float, float] = (0.5, 2.0), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.radius_px = tuple(radius_px)

    def get_params(self) -> dict[str, Any]:
        """The kernel of one image."""
        return {"kernel": disc_kernel(self.py_random.uniform(*self.radius_px))}

    def apply(self, img: Image, kernel: Kernel, **_: Any) -> Image:  # noqa: ANN401
        """The blurred image."""
        return np.asarray(cv2.filter2D(img, -1, kernel), np.uint8).reshape(img.shape)


def line_kernel(length_px: float, angle_deg: float) -> Kernel:
    """A line of one pixel's width through the middle, its ends and steps smoothed; empty rows and columns cut off."""
    angle = math.radians(angle_deg)
    half = max(0.0, length_px - 1) / 2  # a pixel has length 1 already
    count = max(1, math.ceil(2 * half * _SUBPIXELS))
    along = ((np.arange(count) + 0.5) / count * 2 - 1) * half
    x, y = along * math.cos(angle), along * math.sin(angle)
    reach_x, reach_y = (math.ceil(round(float(np.abs(v).max()), 3)) for v in (x, y))
    kernel = np.zeros((2 * reach_y + 1, 2 * reach_x + 1), np.float64)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = x - column, y - row
    for shift_y, share_y in ((0, 1 - down), (1, down)):
        for shift_x, share_x in ((0, 1 - right), (1, right)):
            ys = np.clip(row + shift_y + reach_y, 0, 2 * reach_y)
            xs = np.clip(column + shift_x + reach_x, 0, 2 * reach_x)
            np.add.at(kernel, (ys, xs), share_y * share_x)
    return np.asarray(kernel / kernel.sum(), np.float32)


def disc_kernel(radius_px: float) -> Kernel:
    """A disc whose edge pixels count by the share of them inside."""
    reach = math.ceil(radius_px - 0.5) if radius_px > 0.5 else 0
    fine = (np.arange((2 * reach + 1) * _SUBPIXELS) + 0.5) / _SUBPIXELS - (reach + 0.5)
    inside = np.add.outer(fine**2, fine**2) <= max(radius_px, 1 / _SUBPIXELS) ** 2
    side = 2 * reach + 1
    kernel = inside.reshape(side, _SUBPIXELS, side, _SUBPIXELS).sum(axis=(1, 3), dtype=np.float64)
    return np.asarray(kernel / kernel.sum(), np.float32)
