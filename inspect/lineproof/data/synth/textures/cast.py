"""Sand-cast and shot-blasted metal: grain, mottling and harmless pores."""

from __future__ import annotations

import numpy as np

from lineproof.data.synth.noise import octaves, smooth, white
from lineproof.data.synth.raster import F32, Rng, blur, f32
from lineproof.data.synth.surface import Surface, plain_surface

TINTS = ((1.0, 1.0, 1.0), (1.05, 1.01, 0.96), (0.92, 0.98, 1.05))


def draw_cast(part: Rng, lot: Rng, height: int, width: int) -> Surface:
    """Draw a cast surface; grain size, tone and porosity belong to the lot."""
    reflectance = lot.uniform(0.30, 0.62)
    tint = np.array(TINTS[int(lot.integers(len(TINTS)))], np.float32)
    grain_px = lot.uniform(1.5, 3.6)
    roughness = lot.uniform(0.02, 0.09)
    sparkle = lot.uniform(0.02, 0.07)
    mottle = lot.uniform(0.02, 0.07)
    pores_per_megapixel = lot.uniform(200, 1800)
    gloss = float(lot.uniform(0.6, 2.0))

    fine = blur(white(part, height, width), 0.6) * np.float32(2.0)
    grain = smooth(part, height, width, grain_px)
    coarse = octaves(part, height, width, (grain_px * 4, grain_px * 12), (0.6, 1.0))
    relief = np.float32(roughness) * (np.float32(0.5) * fine + np.float32(grain_px * 0.45) * grain)
    relief += np.float32(roughness * grain_px * 0.8) * coarse
    stains = octaves(part, height, width, (14, 45, 110), (0.5, 0.8, 1.0))
    speckle = np.float32(0.7 * sparkle) * (fine + grain)
    tone = np.float32(reflectance) * (1 + np.float32(mottle) * stains + speckle)
    pores = _pores(part, height, width, int(pores_per_megapixel * height * width / 1e6))
    relief -= pores
    tone *= 1 - np.float32(0.5) * np.minimum(pores, 1)
    albedo = f32(tone * tint[:, None, None])
    return plain_surface(albedo, f32(relief), gloss)


def _pores(rng: Rng, height: int, width: int, count: int) -> F32:
    """Return the depth (H, W) of small single pores, all shallower and smaller than a pit."""
    depth = np.zeros((height, width), np.float32)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    depth[rows, columns] = rng.uniform(0.6, 2.2, count).astype(np.float32)
    return blur(depth, 0.65)
