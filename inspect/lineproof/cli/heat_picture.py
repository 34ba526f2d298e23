"""A picture of why: the evidence of a classifier's surest class over the part."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.cli.annotate import BANNER_PX, banner, readable, write
from lineproof.core import Image, Inspection

_STRONGEST = 0.65  # how much of the part the highest evidence hides
_BAR_PX, _NUMBER_PX = 120, 60
_LEGEND = (30, 30, 30)
_WHITE = (255, 255, 255)
_FADED = 0.25  # of the highest evidence: below it the colour fades out


def heat_picture(image: Image, inspection: Inspection, name: str, evidence: NDArray[np.float32]) -> Image:
    """A copy with `evidence (H, W)` of class `name` in colour where it is positive; decision above, legend below.

    The colours reach from nothing to the highest evidence on this image: they tell where, the score tells how much.
    """
    canvas, _ = readable(image)
    height, width = canvas.shape[:2]
    positive = cv2.resize(np.maximum(evidence, 0), (width, height), interpolation=cv2.INTER_LINEAR)
    peak = float(evidence.max())
    if peak > 0:
        share = np.minimum(positive / np.float32(peak), 1)
        opacity = (_STRONGEST * np.minimum(share / _FADED, 1))[..., None]
        canvas = np.asarray(canvas * (1 - opacity) + _colours(share) * opacity, np.uint8)
    return np.vstack([banner(inspection, width), canvas, _legend(inspection, name, peak, width)])


def _colours(share: NDArray[np.float32]) -> Image:
    """Blue for little, red for the most: the map without its dark ends, which would darken the part."""
    return np.asarray(cv2.applyColorMap((25 + 200 * share).astype(np.uint8), cv2.COLORMAP_TURBO), np.uint8)


def _legend(inspection: Inspection, name: str, peak: float, width: int) -> Image:
    strip = np.full((BANNER_PX, width, 3), _LEGEND, np.uint8)
    found = inspection.detections
    scores = found.score[found.class_id == inspection.classes.index(name)]
    score = f"{scores.max():.2f}" if len(scores) else "below the floor"
    if peak <= 0:
        write(strip, f"{name} {score}: nothing speaks for it", (8, 20), _WHITE)
        return strip
    write(strip, f"{name} {score}", (8, 20), _WHITE)
    left = max(width - _BAR_PX - _NUMBER_PX, 8)
    bar = _colours(np.tile(np.linspace(0, 1, _BAR_PX, dtype=np.float32), (BANNER_PX - 16, 1)))
    strip[8:-8, left : left + _BAR_PX] = bar[:, : width - left]
    write(strip, f"{peak:.2f}" if peak < 10 else f"{peak:.0f}", (left + _BAR_PX + 6, 20), _WHITE)
    return strip
