"""Defects of shape: dent, pit, bubble, chip, weld ripple."""

from __future__ import annotations

import math

import numpy as np

from lineproof.data.synth.defects.shapes import Canvas, blob
from lineproof.data.synth.noise import smooth, white
from lineproof.data.synth.raster import Rng, blur, centred_grid, f32, log_uniform, rotated_grid, smoothstep
from lineproof.data.synth.surface import Surface


def dent(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Press a smooth hollow with a faint raised rim; only its shading shows."""
    x, y = centred_grid(*patch.shape)
    tilt, squash = rng.uniform(0, math.pi), rng.uniform(0.55, 1.0)
    double = rng.uniform() < 0.3
    level = np.ones(patch.shape, np.float32)  # 1 on the untouched surface, 0 at the bottom
    for k in range(1 + double):
        away = (0.16 if k == 0 else -0.22) * size_px * double
        radius = np.float32(0.48 * size_px - abs(away))
        dx, dy = x - np.float32(away * math.cos(tilt)), y - np.float32(away * math.sin(tilt))
        along, across = dx * math.cos(tilt) + dy * math.sin(tilt), dy * math.cos(tilt) - dx * math.sin(tilt)
        bowl = np.maximum(1 - (along * along + (across / np.float32(squash)) ** 2) / (radius * radius), 0)
        level *= 1 - f32(bowl * np.sqrt(bowl))
    lip = level * (1 - level) * smoothstep(0.75, 0.97, level)
    depth = size_px * log_uniform(rng, 0.03, 0.10) * strength
    patch.height += np.float32(depth) * (level - 1 + np.float32(0.8) * lip)
    patch.body |= level < 0.98


def pit(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Punch a cluster of small dark holes, each with a lit rim."""
    biggest = float(np.clip(size_px * 0.20, 1.5, 5.0))
    count = int(np.clip(rng.poisson(1.5 + size_px * 0.14), 1, 22))
    x, y = centred_grid(*patch.shape)
    hole = np.zeros(patch.shape, np.float32)
    for k in range(count):
        radius = biggest * (1.0 if k == 0 else float(np.clip(rng.lognormal(-0.5, 0.35), 0.35, 1.0)))
        away = (size_px / 2 - radius) * (0.0 if count == 1 else math.sqrt(rng.uniform()) * 0.95)
        turn = rng.uniform(0, 2 * math.pi)
        squash, tilt = rng.uniform(0.7, 1.0), rng.uniform(0, math.pi)
        dx, dy = x - np.float32(away * math.cos(turn)), y - np.float32(away * math.sin(turn))
        along, across = dx * math.cos(tilt) + dy * math.sin(tilt), dy * math.cos(tilt) - dx * math.sin(tilt)
        r = np.sqrt(along * along + (across / np.float32(squash)) ** 2) / np.float32(radius)
        hole = np.maximum(hole, smoothstep(1.25, 0.55, f32(r)))
    patch.tone(1 - hole * np.float32(min(0.85, 0.7 * strength)))
    patch.height -= blur(hole, 0.5) * np.float32(1.1 * biggest * 0.5 * strength)


def bubble(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Raise one to five round blisters with a highlight and a thin dark outline."""
    x, y = centred_grid(*patch.shape)
    count = 1 if size_px < 12 else int(rng.choice((1, 2, 3, 5), p=(0.5, 0.2, 0.2, 0.1)))
    dome, glint = np.zeros(patch.shape, np.float32), np.zeros(patch.shape, np.float32)
    for k in range(count):
        radius = size_px * (0.48 if count == 1 else 0.30 if k == 0 else rng.uniform(0.10, 0.22))
        away = 0.0 if count == 1 else size_px * 0.48 - radius
        turn = 2 * math.pi * (k + rng.uniform(0, 0.6)) / count
        dx, dy = x - np.float32(away * math.cos(turn)), y - np.float32(away * math.sin(turn))
        squared = (dx * dx + dy * dy) * np.float32(1 / radius**2)
        dome = np.maximum(dome, np.float32(radius) * np.sqrt(np.maximum(1 - squared, 0)))
        glint += np.exp(-((dx / radius + 0.35) ** 2 + (dy / radius + 0.35) ** 2) / np.float32(0.025))
    patch.body |= dome > 0
    inside = (dome > 0).astype(np.float32)
    outline = inside - blur(inside, 0.9)
    patch.height += dome * np.float32(rng.uniform(0.12, 0.28) * strength)
    # The lifted film is thinner over the bubble: a shade lighter or darker than around it.
    film = np.float32(rng.choice((-0.16, 0.14)) * strength)
    patch.tone(1 + inside * film - np.maximum(outline, 0) * np.float32(0.6 * strength))
    patch.blend(np.full(3, 1.0, np.float32), f32(glint * inside) * np.float32(0.5 * strength))


def chip(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Break out an angular flake whose facets catch the light differently."""
    corners = int(rng.integers(4, 8))
    angles = np.sort(rng.uniform(0, 2 * math.pi, corners)) * 0.5 + np.arange(corners) * math.pi / corners
    radii = size_px / 2 * rng.uniform(0.55, 0.97, corners)
    outline = f32(np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1))
    hub = outline.mean(0) + f32(rng.normal(0, 0.06 * size_px, 2))
    whole = Canvas(patch.shape)
    whole.polygon(outline)
    inner = whole.coverage()
    patch.body |= inner > 0.5
    local = float(patch.albedo.mean())
    fresh = local * 1.25 + rng.uniform(0.15, 0.30)
    for k in range(corners):
        facet = Canvas(patch.shape)
        facet.polygon(f32(np.stack([outline[k], outline[(k + 1) % corners], hub])))
        grain = 1 + np.float32(0.08) * white(rng, *patch.shape)
        colour = np.full(3, fresh * rng.uniform(0.55, 1.35), np.float32)
        patch.blend(colour[:, None, None] * grain, facet.coverage() * np.float32(0.85 * strength))
    patch.height -= blur(inner, 0.7) * np.float32(0.8 * strength)


def weld_ripple(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Lay a weld-like bead of overlapping scales with heat tint beside it."""
    angle = rng.uniform(0, math.pi)
    along, across = rotated_grid(*patch.shape, angle)
    half = np.float32(size_px * rng.uniform(0.10, 0.22) + 1.2)
    span = np.float32(size_px * 0.5)
    wobble = 1 + np.float32(0.06) * np.clip(smooth(rng, *patch.shape, max(4.0, size_px * 0.2)), -1.5, 1.5)
    v = across / (half * wobble)
    cap = np.maximum(np.abs(along) - span + half, 0) / half  # 0 along the bead, 1 at its round ends
    ends = smoothstep(1.0, 0.9, f32(cap))
    bead = np.sqrt(np.maximum(1 - v * v - cap * cap, 0))
    pitch = float(np.clip(half * rng.uniform(0.5, 0.9), 2.5, 9))
    phase = (along + np.float32(0.6) * half * v * v) / np.float32(pitch)
    scales = phase - np.floor(phase)
    relief = half * np.float32(0.45) + np.float32(0.35 * pitch) * scales
    patch.height += f32(bead) * np.float32(0.4 * strength) * relief
    local = patch.albedo.mean()
    body = smoothstep(0.0, 0.4, f32(bead))
    patch.body |= bead > 0
    patch.blend(np.full(3, local * rng.choice((0.6, 1.35)), np.float32), body * np.float32(0.6 * strength))
    heat = np.exp(-((np.abs(v) - np.float32(1.3)) ** 2) / np.float32(0.12)) * ends * np.float32(0.35 * strength)
    patch.blend(f32([0.42, 0.28, 0.22]) * np.float32(local * 2), f32(heat) * smoothstep(1.0, 0.3, f32(cap)))


def corrosion(patch: Surface, rng: Rng, size_px: float, strength: float) -> None:
    """Eat a rough, speckled patch of rust or white oxide into the surface."""
    area = blob(rng, patch.shape, size_px, 0.28, 0.45, rng.uniform(0.5, 1.0))
    speckle = smooth(rng, *patch.shape, log_uniform(rng, 1.6, 4.0))
    patch.body |= area > 0.6
    eaten = f32(area * smoothstep(-0.9, 0.6, speckle + (area - np.float32(0.5)) * 2))
    rusty = rng.uniform() < 0.7
    dark, pale = ((0.08, 0.16, 0.30), (0.16, 0.36, 0.58)) if rusty else ((0.62, 0.64, 0.64), (0.84, 0.86, 0.86))
    mix = smoothstep(-1.2, 1.2, smooth(rng, *patch.shape, 3.0))
    colour = f32(dark)[:, None, None] * (1 - mix) + f32(pale)[:, None, None] * mix
    patch.blend(f32(colour), eaten * np.float32(0.8 * strength))
    patch.height += eaten * speckle * np.float32(0.18 * strength)
