"""Harmless things that good and bad parts carry alike: dust, oil film, machining marks, slubs."""

from __future__ import annotations

import math

import numpy as np

from lineproof.data.synth.noise import profile, smooth
from lineproof.data.synth.raster import Rng, blur, centred_grid, enlarge, f32, look_up, rotated_grid, smoothstep
from lineproof.data.synth.surface import Surface


def add_distractors(surface: Surface, texture: str, part: Rng, lot: Rng) -> None:
    """Scatter harmless marks over a surface; how often they occur does not depend on its defects."""
    if texture in ("brushed_metal", "cast") and lot.uniform() < 0.35:
        machining_marks(surface, part, lot)
    if texture != "woven" and part.uniform() < 0.35:
        oil_film(surface, part)
    if texture == "woven" and part.uniform() < 0.5:
        slub(surface, part)
    if part.uniform() < 0.7:
        dust(surface, part)


def dust(surface: Surface, rng: Rng) -> None:
    """Sprinkle specks of about one pixel, bright or dark, always single."""
    height, width = surface.shape
    count = int(rng.integers(3, 30) * height * width / 65536) + 1
    specks = np.zeros((height, width), np.float32)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    specks[rows, columns] = rng.uniform(0.3, 1.0, count).astype(np.float32)
    specks = blur(specks, rng.uniform(0.45, 0.75)) * np.float32(1.4)
    surface.blend(np.full(3, rng.choice((0.12, 0.75)), np.float32), specks)


def oil_film(surface: Surface, rng: Rng) -> None:
    """Lay a wide, soft, slightly iridescent brightening over the surface."""
    height, width = surface.shape
    rows, columns = height // 4, width // 4  # nothing in it is finer than that
    film = smoothstep(0.2, 1.8, smooth(rng, rows, columns, 0.5 * min(rows, columns)))
    film *= np.float32(rng.uniform(0.06, 0.22))
    hue = film * np.float32(rng.uniform(2, 14)) + np.float32(rng.uniform(0, 6))
    for colour, turn in enumerate((0.0, 2.1, 4.2)):
        sheen = f32(1 + film * (1 + np.float32(0.22) * np.cos(hue + np.float32(turn))))
        surface.albedo[colour] *= enlarge(sheen, width, height)


def machining_marks(surface: Surface, part: Rng, lot: Rng) -> None:
    """Turn or mill faint concentric or parallel feed marks into the relief."""
    height, width = surface.shape
    pitch_px = lot.uniform(2.2, 6.0)
    if lot.uniform() < 0.6:
        x, y = centred_grid(height, width)
        angle, away = lot.uniform(0, 2 * math.pi), lot.uniform(0.3, 2.5) * max(height, width)
        cx, cy = np.float32(away * math.cos(angle)), np.float32(away * math.sin(angle))
        phase = f32(np.sqrt((x - cx) ** 2 + (y - cy) ** 2)) + np.float32(part.uniform(0, pitch_px))
    else:
        phase = rotated_grid(height, width, lot.uniform(0, math.pi))[0] + np.float32(4 * max(height, width))
    turns = phase * np.float32(1 / pitch_px) + np.float32(0.25) * look_up(profile(part, 4096, 24), phase)
    cusp = (turns - np.floor(turns)) * 2 - 1
    depth = np.float32(0.67) - cusp * cusp * 2
    patchy = np.clip(0.6 + 0.4 * smooth(part, height, width, 60), 0.1, 1.4)
    surface.tone(f32(1 + np.float32(lot.uniform(0.015, 0.045)) * depth * patchy))
    surface.height += f32(np.float32(lot.uniform(0.02, 0.07)) * depth * patchy)


def slub(surface: Surface, rng: Rng) -> None:
    """Thicken one yarn for a stretch: woven cloth always has a few."""
    height, width = surface.shape
    lengthwise, across = rotated_grid(height, width, rng.choice((0.0, math.pi / 2)))
    along = lengthwise - np.float32(rng.uniform(-0.4, 0.4) * width)
    across = across - np.float32(rng.uniform(-0.45, 0.45) * height)
    stretch = np.exp(-((along / np.float32(rng.uniform(0.1, 0.4) * width)) ** 2) - (across / 3) ** 2)
    surface.tone(f32(1 + np.float32(rng.uniform(0.05, 0.12)) * stretch))
