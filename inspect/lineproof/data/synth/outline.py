"""Where the part ends in the picture: an edge with a bevel and drilled holes, both harmless."""

from __future__ import annotations

import math

import numpy as np

from lineproof.data.synth.raster import Rng, centred_grid, f32
from lineproof.data.synth.surface import Surface, Window


def add_edge(surface: Surface, part: Rng, lot: Rng) -> None:
    """Cut the part off along one straight or gently curved edge, with a small bevel."""
    height, width = surface.shape
    x, y = centred_grid(height, width)
    angle = lot.choice(4) * math.pi / 2 + lot.normal(0, 0.12) + part.normal(0, 0.02)
    reach = 0.5 * (abs(math.cos(angle)) * width + abs(math.sin(angle)) * height)
    offset = reach * (lot.uniform(0.40, 0.72) + part.normal(0, 0.015))
    nx, ny = math.cos(angle), math.sin(angle)
    if lot.uniform() < 0.4:
        radius = lot.uniform(1.2, 4.0) * max(height, width)
        cx, cy = nx * (offset - radius), ny * (offset - radius)
        inside = np.float32(radius) - np.sqrt((x - np.float32(cx)) ** 2 + (y - np.float32(cy)) ** 2)
    else:
        inside = np.float32(offset) - (x * np.float32(nx) + y * np.float32(ny))
    surface.inside = f32(inside)
    surface.cover = f32(np.clip(inside + 0.5, 0, 1))
    bevel_px = lot.uniform(1.5, 5.0)
    surface.height += f32(np.minimum(inside - np.float32(bevel_px), 0) * np.float32(lot.uniform(0.15, 0.5)))
    dark = lot.uniform() < 0.8
    surface.backdrop = f32(lot.uniform(0.02, 0.12) * np.ones(3) if dark else lot.uniform(0.6, 0.85) * np.ones(3))


def add_hole(surface: Surface, part: Rng, lot: Rng) -> Window:
    """Drill one chamfered hole through the part; its place belongs to the lot.

    Returns:
        The window that no defect may overlap.
    """
    height, width = surface.shape
    x, y = centred_grid(height, width)
    radius = lot.uniform(0.035, 0.10) * min(height, width)
    cx = lot.uniform(-0.4, 0.4) * width + part.normal(0, 0.8)
    cy = lot.uniform(-0.4, 0.4) * height + part.normal(0, 0.8)
    rim = f32(np.sqrt((x - np.float32(cx)) ** 2 + (y - np.float32(cy)) ** 2) - np.float32(radius))
    surface.height += f32(np.minimum(rim - np.float32(3.0), 0) * np.float32(0.35) * (rim > -1))
    surface.blend(np.full(3, lot.uniform(0.015, 0.06), np.float32), f32(np.clip(0.5 - rim, 0, 1)))
    half = math.ceil(radius + 4)
    return Window(round((height - 1) / 2 + cy) - half, round((width - 1) / 2 + cx) - half, 2 * half + 1)
