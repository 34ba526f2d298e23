"""Brushed and ground sheet metal: streaks along the belt and a highlight across it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lineproof.data.synth.noise import smooth, streaks, white
from lineproof.data.synth.raster import F32, Rng, enlarge, f32, rotated_grid, rotation
from lineproof.data.synth.surface import Surface, plain_surface

# BGR casts of steel, aluminium, titanium and brass around a grey of 1.
TINTS = ((1.0, 1.0, 1.0), (1.04, 1.01, 0.97), (0.95, 0.99, 1.04), (0.66, 0.94, 1.12))
TINT_ODDS = (0.4, 0.3, 0.2, 0.1)


def draw_brushed_metal(part: Rng, lot: Rng, height: int, width: int) -> Surface:
    """Draw a brushed metal surface; lay, tone, tint and coarseness belong to the lot."""
    reflectance = lot.uniform(0.36, 0.68)
    tint = np.array(TINTS[int(lot.choice(len(TINTS), p=TINT_ODDS))], np.float32)
    lay = lot.choice((0.0, math.pi / 2)) + lot.normal(0, math.radians(6))
    contrast = lot.uniform(0.035, 0.10)
    length_px = int(lot.integers(15, 90))
    gloss = float(lot.uniform(1.0, 2.5))
    angle = lay + part.normal(0, math.radians(1.2))

    grain = np.float32(contrast * part.uniform(0.85, 1.15)) * _belt_marks(part, height, width, angle, length_px)
    tone = np.float32(reflectance) * _highlight(part, height, width, angle) * (1 + grain)
    albedo = f32(tone * tint[:, None, None])
    relief = f32(grain * np.float32(0.8))
    return plain_surface(albedo, relief, gloss)


def _highlight(rng: Rng, height: int, width: int, angle: float) -> F32:
    """Return the bright band (H, W) that a lamp over a brushed sheet makes across the lay; 1 beside it."""
    rows, columns = height // 4, width // 4
    along, _ = rotated_grid(rows, columns, angle)
    centre, spread = rng.uniform(-0.5, 0.5) * columns, rng.uniform(0.25, 0.7) * columns
    wander = smooth(rng, rows, columns, 0.3 * rows) * np.float32(0.04 * columns)
    band = np.exp(-(((along + wander - np.float32(centre)) / np.float32(spread)) ** 2))
    return enlarge(f32(1 + np.float32(rng.uniform(0.05, 0.30)) * band), width, height)


def _belt_marks(rng: Rng, height: int, width: int, angle: float, length_px: int) -> F32:
    """Return streaks (H, W) of about unit deviation that run along `angle`."""
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    w, h = math.ceil(width * cos + height * sin) + 2, math.ceil(height * cos + width * sin) + 2
    fine = streaks(rng, h, w, length_px)
    rows = white(rng, h, 1)
    deep = white(rng, h, max(2, w // 8)) * np.float32(1.4)
    deep = enlarge(np.sign(deep) * np.maximum(np.abs(deep) - 2, 0), w, h)  # only the tail: single grains cut deeper
    marks = (
        fine * np.float32(0.75) + rows * np.float32(rng.uniform(0.2, 0.5)) + deep * np.float32(rng.uniform(0.2, 1.0))
    )
    matrix = rotation(((w - 1) / 2, (h - 1) / 2), -math.degrees(angle), 1.0, ((width - w) / 2, (height - h) / 2))
    return f32(cv2.warpAffine(marks, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101))
