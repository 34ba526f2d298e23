"""Shapes that several defects share; all are planes (H, W) around the centre of a patch."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lineproof.data.synth.noise import octaves, profile
from lineproof.data.synth.raster import F32, U8, Rng, f32, look_up, rotated_grid, shrink, smoothstep

OVERSAMPLING = 4


def radial(rng: Rng, shape: tuple[int, int], size_px: float, ragged: float, squash: float = 1.0) -> F32:
    """Return the distance from the centre in units of the radius (1 at the outline), with a ragged outline."""
    along, across = rotated_grid(*shape, rng.uniform(0, math.pi))
    r = np.sqrt(along * along + (across / np.float32(squash)) ** 2) * np.float32(2 / size_px)
    if ragged <= 0:
        return f32(r)
    cells = (max(3.0, size_px * 0.35), max(2.0, size_px * 0.12))
    # Held to 1.5 deviations: the outline then stays inside the patch, whatever the noise says.
    wander = np.clip(octaves(rng, *shape, cells, (1.0, 0.45)), -1.5, 1.5)
    # Fading outside the outline, or the noise would draw islands there.
    return f32(r + np.float32(ragged) * (wander + 1) * np.minimum(r, 1) * smoothstep(1.4, 1.05, f32(r)))


def blob(rng: Rng, shape: tuple[int, int], size_px: float, ragged: float, soft: float, squash: float = 1.0) -> F32:
    """Return a filled irregular blob 0..1 whose edge fades over `soft` of its radius."""
    r = radial(rng, shape, size_px, ragged, squash)
    return smoothstep(1.0, 1.0 - max(soft, 2.5 / size_px), r)


def stroke(rng: Rng, shape: tuple[int, int], length_px: float, width_px: float, bend: float, angle: float) -> F32:
    """Return a bent line 0..1 that tapers towards its ends, with sub-pixel width."""
    along, across = rotated_grid(*shape, angle)
    u = along * np.float32(2 / length_px)
    offset = np.float32(length_px * 0.5) * (
        np.float32(bend) * (u * u - np.float32(0.4)) + np.float32(bend * rng.uniform(-1, 1)) * u * u * u
    )
    inside = np.clip(1 - u * u, 0, 1)
    half = np.float32(width_px / 2) * np.sqrt(inside)
    distance = np.abs(across - offset)
    return f32(np.clip(half + np.float32(0.5) - distance, 0, np.minimum(1, 2 * half)))


def along_profile(rng: Rng, shape: tuple[int, int], angle: float, cell_px: float, low: float) -> F32:
    """Return a factor low..1 (H, W) that varies along a direction: how the contact came and went."""
    along, _ = rotated_grid(*shape, angle)
    table = np.clip(0.7 + 0.45 * profile(rng, 1024, cell_px), low, 1)
    return look_up(f32(table), along + 512)


class Canvas:
    """A patch drawn four times as large, so that lines thinner than a pixel keep their weight."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.pixels: U8 = np.zeros((shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING), np.uint8)

    def line(self, points_px: F32, width_px: float) -> None:
        """Draw a polyline (n, 2) of x, y from the patch centre."""
        thickness = max(1, round(width_px * OVERSAMPLING))
        cv2.polylines(self.pixels, [self._fixed(points_px)], isClosed=False, color=255, thickness=thickness, shift=4)

    def polygon(self, points_px: F32) -> None:
        """Fill a polygon (n, 2) of x, y from the patch centre."""
        cv2.fillPoly(self.pixels, [self._fixed(points_px)], 255, 8, 4)

    def dot(self, x_px: float, y_px: float, radius_px: float) -> None:
        """Fill a circle."""
        cx, cy = self._fixed(f32([[x_px, y_px]]))[0]
        radius = max(1, round(radius_px * OVERSAMPLING * 16))
        cv2.circle(self.pixels, (int(cx), int(cy)), radius, 255, -1, 8, 4)

    def coverage(self) -> F32:
        """Return the drawing at patch size, 0..1."""
        return shrink(self.pixels, self.shape[1], self.shape[0])

    def _fixed(self, points_px: F32) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        centre = f32([(self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2])
        return (((points_px + centre + 0.5) * OVERSAMPLING - 0.5) * 16).astype(np.int32)
