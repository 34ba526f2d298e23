"""Thin defects: scratch, crack, fibre."""

from __future__ import annotations

import math

import numpy as np

from lineproof.data.synth.defects.shapes import Canvas, along_profile, stroke
from lineproof.data.synth.noise import profile
from lineproof.data.synth.raster import F32, Rng, blur, f32, log_uniform
from lineproof.data.synth.surface import Surface


def scratch(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Draw one to three nearly parallel grooves, burnished bright or torn dark."""
    angle = rng.uniform(0, math.pi)
    bend = rng.normal(0, 0.08)
    width_px = log_uniform(rng, 0.8, 2.6) * (0.7 + 0.3 * min(1.0, size_px / 60))
    bright = rng.uniform() < 0.55
    strands = int(rng.choice((1, 2, 3), p=(0.65, 0.22, 0.13)))
    groove = np.zeros(patch.shape, np.float32)
    for k in range(strands):
        length = size_px * (1.0 if k == 0 else rng.uniform(0.35, 0.8))
        drawn = stroke(rng, patch.shape, length, width_px * (1 if k == 0 else 0.7), bend, angle + rng.normal(0, 0.015))
        step = 0 if k == 0 else int(rng.integers(2, 6)) * int(rng.choice((-1, 1)))
        groove = np.maximum(groove, np.roll(drawn, step, axis=0 if abs(math.cos(angle)) > 0.7 else 1))
    groove *= along_profile(rng, patch.shape, angle, 9, 0.45)
    alpha = f32(groove * np.float32(0.75 * strength))
    local = patch.albedo.mean()
    patch.blend(np.full(3, min(0.95, local * 1.5 + 0.15) if bright else local * 0.3, np.float32), alpha)
    patch.height -= blur(groove, 0.7) * np.float32(0.55 * strength)


def crack(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Draw a dark branching random walk that thins towards its tips."""
    canvas = Canvas(patch.shape)
    heading = rng.uniform(0, 2 * math.pi)
    start = f32([-math.cos(heading), -math.sin(heading)]) * np.float32(size_px * 0.46)
    width_px = log_uniform(rng, 0.7, 2.2) * (0.7 + 0.5 * min(1.0, size_px / 90))
    _branch(canvas, rng, start, heading, size_px * 0.92, width_px, size_px / 2)
    gap = canvas.coverage()
    patch.blend(patch.albedo.mean(axis=(1, 2)) * np.float32(0.12), f32(gap * np.float32(0.95 * strength)))
    patch.height -= blur(gap, 0.8) * np.float32(0.9 * strength)


def _branch(canvas: Canvas, rng: Rng, at: F32, heading: float, length: float, width_px: float, limit_px: float) -> None:
    steps = max(4, int(length / 3.5))
    turns = rng.normal(0, 0.42, steps) - 0.12 * np.cumsum(rng.normal(0, 0.3, steps))
    headings = heading + np.clip(turns, -1.1, 1.1)
    moves = np.stack([np.cos(headings), np.sin(headings)], 1) * (length / steps)
    points = f32(np.vstack([at, at + np.cumsum(moves, 0)]))
    radius = np.hypot(points[:, 0], points[:, 1])[:, None]
    points = f32(points * np.minimum(1, (limit_px - 1) / np.maximum(radius, 1e-3)))
    widths = width_px * np.linspace(1, 0.3, steps) * rng.uniform(0.7, 1.2, steps)
    for k in range(steps):
        canvas.line(points[k : k + 2], float(max(0.3, widths[k])))
        if length > 14 and rng.uniform() < 0.9 / steps * 2.2:
            side = headings[k] + rng.choice((-1, 1)) * rng.uniform(0.4, 1.0)
            shorter = length * rng.uniform(0.2, 0.45)
            _branch(canvas, rng, points[k + 1], side, shorter, widths[k] * 0.7, limit_px)


def fibre(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Lay a curled hair on the surface, with a soft shadow beside it."""
    steps = max(8, int(size_px / 2.5))
    curl = rng.uniform(0.6, 4.0)
    headings = rng.uniform(0, 2 * math.pi) + curl * profile(rng, steps, max(3, steps / 3)) * 0.6
    walk = np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1), 0)
    walk -= (walk.max(0) + walk.min(0)) / 2
    walk *= (size_px / 2 - 1.5) / np.hypot(walk[:, 0], walk[:, 1]).max()
    canvas = Canvas(patch.shape)
    canvas.line(f32(walk), rng.uniform(0.8, 1.7))
    hair = canvas.coverage()
    light = rng.uniform() < 0.5
    tint = rng.uniform(0.9, 1.1, 3) * (rng.uniform(0.75, 0.95) if light else rng.uniform(0.04, 0.15))
    shadow = blur(np.roll(hair, (1, 2), (0, 1)), 1.0)
    patch.tone(1 - shadow * np.float32(0.3 * strength))
    patch.blend(f32(tint), hair * np.float32(0.9 * strength))
    patch.height += blur(hair, 0.6) * np.float32(0.3 * strength)
