"""Defects that lie on the surface: stain, spatter, smear, missing print."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lineproof.data.synth.defects.shapes import Canvas, blob, radial
from lineproof.data.synth.noise import octaves, smooth, streaks
from lineproof.data.synth.raster import Rng, blur, f32, log_uniform, rotated_grid, rotation, smoothstep
from lineproof.data.synth.surface import Surface

# BGR factors on the reflectance: water mark, oil, coolant, rust water, burn, flux residue.
STAIN_TINTS = (
    (0.78, 0.76, 0.74),
    (0.45, 0.58, 0.66),
    (0.62, 0.70, 0.58),
    (0.38, 0.52, 0.70),
    (0.42, 0.42, 0.44),
    (1.22, 1.25, 1.26),
)


def stain(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Spill an irregular translucent blob with a soft edge and often a dried rim."""
    r = radial(rng, patch.shape, size_px * 0.88, rng.uniform(0.12, 0.30), rng.uniform(0.5, 1.0))
    soft = rng.uniform(0.12, 0.5)
    area = smoothstep(1.0, 1.0 - max(soft, 3.0 / size_px), r)
    patch.body |= area > 0.6
    rim = np.exp(-(((r - np.float32(0.88)) / np.float32(0.09)) ** 2)) * np.float32(rng.choice((0.0, 0.5, 1.0)))
    mottled = 1 + np.float32(0.22) * octaves(rng, *patch.shape, (max(3, size_px * 0.3), 5.0), (1.0, 0.5))
    weight = f32((area * np.float32(0.75) + rim * np.float32(0.35)) * mottled) * np.float32(strength)
    tint = f32(STAIN_TINTS[int(rng.integers(len(STAIN_TINTS)))])
    patch.tone(f32(1 + (tint[:, None, None] - 1) * np.clip(weight, 0, 1.25)))


def spatter(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Throw drops of many sizes, dense near the middle and stretched outwards."""
    canvas = Canvas(patch.shape)
    count = int(np.clip(rng.poisson(4 + size_px * 0.22), 3, 45))
    for _ in range(count):
        away, turn = size_px * 0.5 * rng.uniform(0, 0.92), rng.uniform(0, 2 * math.pi)
        radius = min(log_uniform(rng, 0.6, max(1.0, size_px * 0.09)), size_px * 0.5 - away)
        canvas.dot(away * math.cos(turn), away * math.sin(turn), max(0.5, radius))
    drops = canvas.coverage()
    colour = rng.uniform(0.9, 1.1, 3) * rng.choice((0.06, 0.2, 0.8))
    patch.blend(f32(colour), drops * np.float32(0.8 * strength))
    patch.height += blur(drops, 1.0) * np.float32(1.2 * strength)


def smear(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Drag what lies on the surface in one direction, streaky and feathered at its end."""
    angle = rng.uniform(0, 2 * math.pi)
    along, across = rotated_grid(*patch.shape, angle)
    u = along * np.float32(2 / size_px)
    half = np.float32(size_px * rng.uniform(0.10, 0.25) + 1.5)
    side = smoothstep(1.0, 0.6, f32(np.abs(across) / (half * (np.float32(1.0) - np.float32(0.25) * u))))
    start = u - np.float32(0.12) * (across / half) ** 2 + np.float32(0.08) * smooth(rng, *patch.shape, 5)
    area = side * smoothstep(-0.95, -0.7, f32(start)) * smoothstep(1.0, -0.3, u)
    rows, columns = patch.shape
    grain = streaks(rng, rows, columns, max(5, int(size_px * 0.6)))
    turn = rotation(((columns - 1) / 2, (rows - 1) / 2), -math.degrees(angle), 1.0, (0, 0))
    grain = f32(cv2.warpAffine(grain, turn, (columns, rows), borderMode=cv2.BORDER_REFLECT_101))
    alpha = f32(area * np.clip(0.62 + 0.33 * grain, 0, 1)) * np.float32(0.75 * strength)
    local = patch.albedo.mean(axis=(1, 2))
    if patch.bare is not None and rng.uniform() < 0.6:
        colour = patch.albedo.min(axis=(1, 2)) * np.float32(1.3)
    else:
        colour = local * np.float32(rng.choice((0.45, 0.6, 1.5)))
    patch.blend(f32(colour), alpha)


def missing_print(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Leave out ink in a blob, a nozzle stripe or a faded block; the bare substrate shows.

    Raises:
        ValueError: the surface is not printed.
    """
    if patch.bare is None:
        raise ValueError("missing_print needs a printed surface; this one has no ink layer")
    kind = int(rng.integers(3))
    along, across = rotated_grid(*patch.shape, rng.choice((0.0, math.pi / 2)))
    half = np.float32(size_px / 2)
    if kind == 0:
        gone = blob(rng, patch.shape, size_px * 0.9, 0.25, 0.12, rng.uniform(0.5, 1.0))
    elif kind == 1:
        band = max(2.0, size_px * rng.uniform(0.05, 0.18))
        gone = f32(np.clip(band - np.abs(across) + 0.5, 0, 1) * np.clip(half - np.abs(along), 0, 1))
    else:
        squash = np.float32(rng.uniform(0.35, 0.8))
        block = np.maximum(np.abs(along), np.abs(across) / squash) / half
        gone = smoothstep(1.0, 0.9, f32(block)) * np.clip(0.85 + 0.2 * smooth(rng, *patch.shape, 4), 0, 1)
    patch.blend(patch.bare, f32(gone) * np.float32(min(1.0, strength)))
