"""Synthetic parts, one shot after the other, each with its exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.data.synth.camera import View, draw_view, expose, project
from lineproof.data.synth.part import Part, build_part
from lineproof.data.synth.plan import SHOT, stream
from lineproof.data.synth.raster import F32
from lineproof.data.synth.settings import SynthSettings
from lineproof.data.synth.surface import Window
from lineproof.data.synth.truth import change_levels, visible_mask


@dataclass(frozen=True)
class SynthDefect:
    """One defect of a shot and the pixels it visibly altered."""

    class_name: str
    mask: NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True)
class SynthShot:
    """One picture of one part; shots of the same part share their group."""

    image: NDArray[np.uint8]  # (H, W, 3) BGR
    defects: tuple[SynthDefect, ...]  # empty for an OK part
    part: int
    shot: int
    group: str


def synth_shots(settings: SynthSettings, seed: int, n_parts: int) -> Iterator[SynthShot]:
    """Draw every shot of parts 0 .. n_parts - 1 of a seed.

    Args:
        settings: what to draw.
        seed: non-negative; the same seed gives the same bytes.
        n_parts: number of physical parts; `shots_per_part` pictures are drawn of each.

    Raises:
        ValueError: seed or n_parts is negative.
    """
    if n_parts < 0:
        raise ValueError(f"n_parts: expected 0 or more, got {n_parts}")
    for part in range(n_parts):
        drawn = build_part(settings, _seed(seed), part)
        for shot in range(settings.shots_per_part):
            yield _take_shot(settings, drawn, seed, shot)


def synth_shot(settings: SynthSettings, seed: int, part: int, shot: int = 0) -> SynthShot:
    """Draw one shot of one part; the same bytes as when all parts before it are drawn too.

    Raises:
        ValueError: seed, part or shot is negative.
    """
    if part < 0 or shot < 0:
        raise ValueError(f"part and shot: expected 0 or more, got {part} and {shot}")
    return _take_shot(settings, build_part(settings, _seed(seed), part), seed, shot)


def _seed(seed: int) -> int:
    if seed < 0:
        raise ValueError(f"seed: expected 0 or more, got {seed}")
    return seed


def _take_shot(settings: SynthSettings, part: Part, seed: int, shot: int) -> SynthShot:
    number = part.plan.part
    rng = stream(seed, SHOT, number, shot)
    view = draw_view(rng, settings.size_wh, part.optics, part.brightness)
    levels = project(part.altered, view)
    defects = _find_defects(part, view, levels) if part.placed else ()
    return SynthShot(expose(levels, view, rng), defects, number, shot, f"part-{number:06d}")


def _find_defects(part: Part, view: View, levels: F32) -> tuple[SynthDefect, ...]:
    """Compare with the same shot of the clean part, before noise: what differs is the defect."""
    change = change_levels(project(part.clean, view), levels)
    height, width = change.shape
    labels = cv2.warpAffine(part.labels(), view.pose, (width, height), flags=cv2.INTER_NEAREST)
    defects = []
    for number, (name, window) in enumerate(part.placed, start=1):
        rows, columns = _in_image(window, view, height, width)
        own, body = labels[rows, columns] // 2 == number, labels[rows, columns] == 2 * number + 1
        mask = np.zeros((height, width), np.bool_)
        mask[rows, columns] = visible_mask(np.where(own, change[rows, columns], np.float32(0)), body)
        defects.append(SynthDefect(name, mask))
    return tuple(defects)


def _in_image(window: Window, view: View, height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of the image that hold a window of the drawn surface."""
    rows, columns = window.slices
    corners = np.array([(x, y, 1) for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)], np.float64)
    (x0, y0), (x1, y1) = (corners @ view.pose.T).min(axis=0) - 1, (corners @ view.pose.T).max(axis=0) + 2
    return slice(max(0, int(y0)), min(height, int(y1))), slice(max(0, int(x0)), min(width, int(x1)))
