"""Defects of the part's outline: burr and notch."""

from __future__ import annotations

import numpy as np

from lineproof.data.synth.defects.shapes import along_profile
from lineproof.data.synth.noise import profile
from lineproof.data.synth.raster import F32, Rng, blur, centred_grid, f32, look_up
from lineproof.data.synth.surface import Surface


def burr(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Raise a ragged bright lip over the edge, sticking out into the background."""
    inside, along = _edge_frame(patch)
    u = along * np.float32(2 / size_px)
    reach = np.sqrt(np.clip(1 - u * u, 0, 1)) * np.float32(min(1.0, 0.5 + 0.5 * strength))
    width = np.float32(np.clip(size_px * 0.06, 1.2, 4.5))
    ragged = np.abs(look_up(profile(rng, 1024, rng.uniform(5, 16)), along * 2 + 512)) + np.float32(0.35)
    lip = width * ragged * reach
    grown = np.clip(inside + lip + np.float32(0.5), 0, 1)
    patch.cover[...] = np.maximum(patch.cover, grown * (reach > 0))
    ridge = f32(np.clip(lip * np.float32(1.2) + np.float32(0.5) - np.abs(inside), 0, 1) * (reach > 0))
    local = patch.albedo.mean()
    flicker = look_up(np.clip(1 + np.float32(0.3) * profile(rng, 1024, 6.0), 0.5, 1.5), along * 2 + 512)
    colour = np.full(3, min(1.1, local * 1.6 + 0.2), np.float32)[:, None, None] * flicker
    patch.blend(f32(colour), ridge * np.float32(0.8 * strength))
    patch.height += blur(ridge, 0.8) * np.float32(1.0 * strength)


def notch(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Break a V or U out of the edge, so that the background shows through."""
    inside, along = _edge_frame(patch)
    u = np.abs(along) * np.float32(2 / size_px)
    sharp = rng.uniform(0.7, 2.2)
    ragged = 1 + np.float32(0.15) * look_up(profile(rng, 1024, rng.uniform(5, 14)), along * 2 + 512)
    depth = size_px * rng.uniform(0.25, 0.48) * min(1.0, 0.5 + 0.5 * strength)
    floor = np.float32(depth) * np.clip(1 - u ** np.float32(sharp), 0, 1) * ragged
    left = np.clip(inside - floor + np.float32(0.5), 0, 1)
    patch.cover[...] = np.where(floor > 0, np.minimum(patch.cover, left), patch.cover)
    broken = np.exp(-(((inside - floor) - 1) ** 2) / np.float32(1.5)) * (floor > 0.3)
    patch.tone(f32(1 + broken * np.float32(0.5) * along_profile(rng, patch.shape, 0.0, 4, 0.2)))


def _edge_frame(patch: Surface) -> tuple[F32, F32]:
    """Return the distance inwards from the edge and the position along it, (H, W) each, in pixels.

    Raises:
        ValueError: no edge of the part is in view.
    """
    if patch.inside is None:
        raise ValueError("this defect needs an edge of the part in view")
    x, y = centred_grid(*patch.shape)
    rows, columns = patch.shape
    gx = float(patch.inside[rows // 2, -1] - patch.inside[rows // 2, 0])
    gy = float(patch.inside[-1, columns // 2] - patch.inside[0, columns // 2])
    norm = max(1e-6, float(np.hypot(gx, gy)))
    return patch.inside, f32(x * np.float32(-gy / norm) + y * np.float32(gx / norm))
