"""Arithmetic on single planes: typed wrappers around the few OpenCV calls the generator needs."""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

F32: TypeAlias = NDArray[np.float32]
U8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator


def f32(values: ArrayLike) -> F32:
    """Return the values as a float32 array, without a copy where they are one already."""
    return np.asarray(values, dtype=np.float32)


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Draw one number whose logarithm is uniform between log(low) and log(high)."""
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def blur(plane: F32, sigma_px: float) -> F32:
    """Smooth a plane (H, W) with a Gaussian; a sigma below 0.2 px leaves it as it is."""
    if sigma_px < 0.2:
        return plane
    return f32(cv2.GaussianBlur(plane, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101))


def resize(plane: F32, width: int, height: int) -> F32:
    """Enlarge a plane with cubic interpolation."""
    return f32(cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC))


def enlarge(plane: F32, width: int, height: int) -> F32:
    """Enlarge a plane that is smooth already, with linear interpolation."""
    return f32(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR))


def shrink(plane: U8, width: int, height: int) -> F32:
    """Reduce an 8-bit drawing to coverage 0..1 by averaging areas: the anti-aliasing of thin lines."""
    return f32(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)) * np.float32(1 / 255)


def smoothstep(low: float, high: float, x: F32) -> F32:
    """Rise smoothly from 0 at `low` to 1 at `high`; falls when low > high."""
    t = np.clip((x - np.float32(low)) * np.float32(1.0 / (high - low)), 0, 1)
    return f32(t * t * (3 - 2 * t))


def centred_grid(height: int, width: int) -> tuple[F32, F32]:
    """Return x (1, W) and y (H, 1) in pixels from the centre of the plane."""
    x = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2))[None, :]
    y = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2))[:, None]
    return x, y


def rotated_grid(height: int, width: int, angle_rad: float) -> tuple[F32, F32]:
    """Return the coordinates along and across a direction, both (H, W), in pixels from the centre."""
    x, y = centred_grid(height, width)
    cos, sin = np.float32(math.cos(angle_rad)), np.float32(math.sin(angle_rad))
    return f32(x * cos + y * sin), f32(y * cos - x * sin)


def rotation(
    centre_xy: tuple[float, float], angle_deg: float, scale: float, shift_xy: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the affine matrix (2, 3) that turns about a point, counter-clockwise on the screen, then shifts."""
    matrix = np.asarray(cv2.getRotationMatrix2D(centre_xy, angle_deg, scale), np.float64)
    matrix[:, 2] += np.asarray(shift_xy)
    return matrix


def slopes(height_px: F32) -> tuple[F32, F32]:
    """Return the slopes of a height map towards x and towards y, in pixels per pixel."""
    gx = cv2.Sobel(height_px, cv2.CV_32F, 1, 0, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    gy = cv2.Sobel(height_px, cv2.CV_32F, 0, 1, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    return f32(gx), f32(gy)


def look_up(table: F32, position: F32) -> F32:
    """Read a table at fractional positions without interpolation; positions wrap around."""
    return f32(table[np.mod(position.astype(np.int32), len(table))])
