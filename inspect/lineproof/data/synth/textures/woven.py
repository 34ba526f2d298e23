"""Woven cloth and carbon-fibre fabric: crossing yarns with jitter."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.data.synth.noise import smooth, white
from lineproof.data.synth.raster import F32, Mask, Rng, blur, f32, rotated_grid
from lineproof.data.synth.surface import Surface, plain_surface

# BGR of warp and weft: carbon, canvas, denim, glass, technical orange, green filter cloth.
YARNS = (
    ((0.13, 0.13, 0.13), (0.19, 0.19, 0.19)),
    ((0.48, 0.56, 0.62), (0.44, 0.53, 0.60)),
    ((0.42, 0.27, 0.20), (0.62, 0.60, 0.58)),
    ((0.66, 0.68, 0.68), (0.60, 0.63, 0.64)),
    ((0.20, 0.40, 0.66), (0.17, 0.35, 0.60)),
    ((0.36, 0.46, 0.34), (0.30, 0.42, 0.30)),
)
YARNS_IN_TABLE = 1024
# Each weave as the rows of one repeat: 1 where the warp lies on top.
WEAVES = (
    ((1, 0), (0, 1)),
    ((1, 1, 0, 0), (0, 1, 1, 0), (0, 0, 1, 1), (1, 0, 0, 1)),
    ((1, 1, 0), (0, 1, 1), (1, 0, 1)),
)


def draw_woven(part: Rng, lot: Rng, height: int, width: int) -> Surface:
    """Draw a fabric; weave, yarn width and colours belong to the lot, the jitter to the part."""
    warp_colour, weft_colour = (np.array(c, np.float32) for c in YARNS[int(lot.integers(len(YARNS)))])
    weave = np.array(WEAVES[int(lot.integers(len(WEAVES)))], np.bool_)
    pitch_px = lot.uniform(5.0, 15.0)
    ratio = lot.uniform(0.8, 1.25)
    uneven = lot.uniform(0.02, 0.08)
    lay = lot.choice((0.0, math.pi / 4), p=(0.75, 0.25)) + lot.normal(0, math.radians(5))
    gloss = float(lot.uniform(0.4, 1.4))

    along, across = rotated_grid(height, width, lay + part.normal(0, math.radians(1.0)))
    # Yarns are counted from the middle of a table; 2048 px of the finest cloth use 800 of its entries.
    u = along * np.float32(1 / pitch_px) + np.float32(YARNS_IN_TABLE / 2 + part.uniform())
    v = across * np.float32(1 / (pitch_px * ratio)) + np.float32(YARNS_IN_TABLE / 2 + part.uniform())
    u += _jitter(part, height, width, uneven)
    v += _jitter(part, height, width, uneven)
    i, j = u.astype(np.int32), v.astype(np.int32)
    u -= i
    v -= j
    up = _warp_on_top(weave, i, j)

    swap = (u - v) * up
    cross, run = (v + swap) * 2 - 1, (u - swap) * 2 - 1  # -1..1 across and along the yarn that is on top
    bulge, sag = 1 - cross * cross, run * run
    relief = np.float32(pitch_px * 0.16) * bulge - np.float32(pitch_px * 0.06) * sag
    lint = white(part, height, width) * np.float32(3 * lot.uniform(0.03, 0.08))
    lengthwise, crosswise = f32(cv2.blur(lint, (1, 9))), f32(cv2.blur(lint, (9, 1)))
    warp_tones, weft_tones = _per_yarn(part, uneven).take(i), _per_yarn(part, uneven).take(j)
    tone = (np.float32(0.52) + np.float32(0.48) * bulge) * (1 - np.float32(0.14) * sag)
    tone *= 1 + crosswise + (lengthwise - crosswise) * up
    tone *= weft_tones + (warp_tones - weft_tones) * up
    albedo = np.empty((3, height, width), np.float32)
    for plane, warp, weft in zip(albedo, warp_colour, weft_colour, strict=True):
        np.multiply(tone, weft + (warp - weft) * up, out=plane)
    return plain_surface(albedo, blur(f32(relief), 0.6), gloss)


def _warp_on_top(weave: Mask, i: NDArray[np.int32], j: NDArray[np.int32]) -> F32:
    """Return 1 where the warp yarn i lies over the weft yarn j, else 0; (H, W)."""
    rows, columns = weave.shape
    count = np.arange(YARNS_IN_TABLE, dtype=np.int32)
    cell = (count % rows * columns).take(j) + (count % columns).take(i)
    return f32(weave.astype(np.float32).ravel().take(cell))


def _jitter(rng: Rng, height: int, width: int, amount: float) -> F32:
    return np.float32(amount) * (smooth(rng, height, width, 18) + np.float32(2.0) * smooth(rng, height, width, 90))


def _per_yarn(rng: Rng, amount: float) -> F32:
    return rng.normal(1, amount * 0.8, YARNS_IN_TABLE).astype(np.float32)
