"""Printed labels, cartons and panels: a design per lot on a substrate, with registration marks."""

from __future__ import annotations

import math
import string

import cv2
import numpy as np

from lineproof.data.synth.noise import octaves, smooth, white
from lineproof.data.synth.raster import F32, U8, Rng, blur, f32
from lineproof.data.synth.surface import Surface, plain_surface

# BGR of paper, foil, carton and coloured plastics.
SUBSTRATES = (
    (0.80, 0.82, 0.82),
    (0.66, 0.66, 0.65),
    (0.46, 0.60, 0.70),
    (0.22, 0.66, 0.74),
    (0.52, 0.42, 0.30),
    (0.16, 0.16, 0.17),
)
DARK_INKS = ((0.07, 0.07, 0.07), (0.42, 0.18, 0.08), (0.12, 0.10, 0.55), (0.20, 0.36, 0.08))
LIGHT_INKS = ((0.82, 0.84, 0.84), (0.25, 0.72, 0.85), (0.75, 0.70, 0.55), (0.40, 0.75, 0.45))
LETTERS = string.ascii_uppercase + string.digits
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)


def draw_printed(part: Rng, lot: Rng, height: int, width: int) -> Surface:
    """Draw a printed surface; the design, substrate and inks belong to the lot."""
    substrate = np.array(SUBSTRATES[int(lot.integers(len(SUBSTRATES)))], np.float32)
    inks = LIGHT_INKS if substrate.mean() < 0.35 else DARK_INKS
    first, second = lot.permutation(len(inks))[:2]
    gloss = float(lot.uniform(0.2, 1.2))
    fibres = lot.uniform(0.006, 0.03)
    layers = _design(lot, height, width)

    grain = blur(white(part, height, width), 0.8) * np.float32(2.4)
    paper = 1 + np.float32(fibres) * (grain + octaves(part, height, width, (5, 30), (1.0, 1.0)))
    bare = f32(paper * substrate[:, None, None])
    albedo = bare.copy()
    density = np.float32(part.uniform(0.84, 0.93)) + np.float32(0.03) * smooth(part, height, width, 40)
    density = np.minimum(density + np.float32(0.025) * grain, 1)
    for plane, ink in zip(layers, (inks[first], inks[second]), strict=True):
        # Each ink has its own plate, so each shifts by a fraction of a pixel.
        shift = np.array([[1, 0, part.normal(0, 0.35)], [0, 1, part.normal(0, 0.35)]])
        moved = f32(cv2.warpAffine(plane, shift, (width, height), flags=cv2.INTER_LINEAR)) * np.float32(1 / 255)
        coverage = moved * density
        for colour in range(3):
            albedo[colour] += (np.float32(ink[colour]) - albedo[colour]) * coverage
    relief = f32(np.float32(fibres * 2) * grain)
    return plain_surface(albedo, relief, gloss, bare)


def _design(lot: Rng, height: int, width: int) -> tuple[U8, U8]:
    """Return two ink layers (H, W), 255 where ink lies, that cover the sheet cell by cell."""
    layers = (np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8))
    rows, columns = int(lot.integers(2, 5)), int(lot.integers(1, 4))
    row_h, column_w = height / rows, width / columns
    for r in range(rows):
        for c in range(columns):
            x0, y0 = round(c * column_w), round(r * row_h)
            box = (x0 + 5, y0 + 4, round(x0 + column_w) - 6, round(y0 + row_h) - 5)
            kind = int(lot.choice(6, p=(0.40, 0.15, 0.15, 0.10, 0.10, 0.10)))
            CELLS[kind](lot, layers[int(lot.uniform() < 0.35)], box)
    for cx, cy in ((12, 12), (width - 13, 12), (12, height - 13), (width - 13, height - 13)):
        _registration_mark(layers[0], cx, cy)
    return layers


def _text(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    font = int(lot.choice(FONTS))
    scale = float(lot.uniform(0.35, 0.95))
    thickness = 1 + int(scale > 0.6)
    step = int(30 * scale) + 4
    for y in range(y0 + int(22 * scale), y1, step):
        word = "".join(lot.choice(list(LETTERS + "    "), int(lot.integers(3, 14))))
        cells = max(1, int((x1 - x0) / (20 * scale)))
        cv2.putText(layer, word[:cells], (x0, y), font, scale, 255, thickness, cv2.LINE_AA)


def _bars(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    bottom = min(y1, y0 + int(lot.integers(20, 70)))
    x = x0
    while x < min(x1, x0 + 120):
        bar = int(lot.integers(1, 5))
        layer[y0:bottom, x : min(x + bar, x1)] = 255
        x += bar + int(lot.integers(1, 5))


def _grid(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    step = int(lot.integers(9, 26))
    for x in range(x0, x1, step):
        cv2.line(layer, (x, y0), (x, y1), 255, 1)
    for y in range(y0, y1, step):
        cv2.line(layer, (x0, y), (x1, y), 255, 1)


def _logo(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    cx, cy = (x0 + x1) // 2, (y0 + y1) // 2
    radius = max(8, min(x1 - x0, y1 - y0) // 2 - 2)
    points, inner = int(lot.integers(3, 9)), float(lot.uniform(0.35, 0.95))
    angles = np.arange(points * 2) * math.pi / points + lot.uniform(0, 6.28)
    reach = radius * np.where(np.arange(points * 2) % 2, inner, 1.0)
    star = np.stack([cx + reach * np.cos(angles), cy + reach * np.sin(angles)], 1)
    cv2.fillPoly(layer, [(star * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    cv2.circle(layer, (cx, cy), max(3, int(radius * inner * 0.5)), 0, -1, cv2.LINE_AA)
    if lot.uniform() < 0.5:
        cv2.circle(layer, (cx, cy), radius + 2, 255, 2, cv2.LINE_AA)


def _matrix(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    cells = int(lot.integers(10, 19))
    module = max(2, min(5, min(x1 - x0, y1 - y0) // cells))
    code = (lot.random((cells, cells)) < 0.5).astype(np.uint8)
    code[:, 0] = code[-1, :] = 1
    block = np.kron(code, np.full((module, module), 255, np.uint8)).astype(np.uint8)
    target = layer[y0:y1, x0:x1]
    h, w = min(block.shape[0], target.shape[0]), min(block.shape[1], target.shape[1])
    target[:h, :w] = block[:h, :w]


def _halftone(lot: Rng, layer: U8, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    x, y = np.arange(x0, max(x1, x0 + 1), dtype=np.float32), np.arange(y0, max(y1, y0 + 1), dtype=np.float32)[:, None]
    pitch = np.float32(4.4 / lot.uniform(5, 10))
    dots = (2 * np.cos(pitch * x)) * np.cos(pitch * y)  # round dots on a grid turned by 45 degrees
    ramp = np.linspace(-0.9, 1.2, len(x), dtype=np.float32)
    layer[y0:y1, x0:x1] = (np.clip((dots + ramp) * 1.2 + 0.5, 0, 1) * 255).astype(np.uint8)[: y1 - y0, : x1 - x0]


def _registration_mark(layer: U8, cx: int, cy: int) -> None:
    layer[max(0, cy - 11) : cy + 12, max(0, cx - 11) : cx + 12] = 0
    cv2.circle(layer, (cx, cy), 5, 255, 1, cv2.LINE_AA)
    cv2.line(layer, (cx - 9, cy), (cx + 9, cy), 255, 1)
    cv2.line(layer, (cx, cy - 9), (cx, cy + 9), 255, 1)


def ink_amount(surface: Surface) -> F32:
    """Return how far ink changes the reflectance (H, W); zero on surfaces that are not printed."""
    if surface.bare is None:
        return np.zeros(surface.shape, np.float32)
    return f32(np.abs(surface.albedo - surface.bare).max(axis=0))


CELLS = (_text, _bars, _grid, _logo, _matrix, _halftone)
