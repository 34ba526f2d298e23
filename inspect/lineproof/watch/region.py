"""Where the part lies in the picture, from good frames: what stands out from the background in most of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.errors import GateError, InputError
from lineproof.watch.measures import Glimpse

_BORDER = 0.04  # of the shorter side: this ring shows the background
_STANDS_OUT = 4.0  # robust spreads of the background's grey level, and at least
_LEAST_GREY = 12.0  # this much, or noise and shading stand out from a flat background
_PLAIN_GREY = 12.0  # a ring with a larger spread shows the part, or a background it cannot be told from
_IN_MOST = 0.5  # of the frames
_MARGIN = 0.03  # of the picture's width, around the part: frames to come may show it a little aside
_TOO_SMALL, _TOO_LARGE = 0.01, 0.8  # of the picture


class Box(NamedTuple):
    """A rectangle in camera pixels."""

    x: int
    y: int
    width: int
    height: int


def box_in(box: Box, wh: tuple[int, int]) -> Box:
    """The same box; raises InputError unless it lies in a picture of `wh`."""
    inside = box.x >= 0 and box.y >= 0 and box.x + box.width <= wh[0] and box.y + box.height <= wh[1]
    if not inside or min(box.width, box.height) < 1:
        raise InputError(
            f"the region {box.width}×{box.height} at {box.x},{box.y} does not lie in the picture {wh[0]}×{wh[1]}",
            hint="X,Y,WIDTH,HEIGHT in pixels of the camera",
        )
    return box


def find_region(frames: Sequence[Glimpse]) -> Box:
    """The box around the part, with a margin, on frames of one size.

    Raises:
        GateError: nothing stands out from the background in most frames, or all of it does.
    """
    wh = frames[0].wh
    if any(frame.wh != wh for frame in frames):
        raise GateError("the frames differ in size", hint="give the region by --region X,Y,WIDTH,HEIGHT")
    plain = float(np.median([_background(frame.grey)[1] for frame in frames]))
    if plain > _PLAIN_GREY:
        raise _unsure("the edge of the picture shows no plain background")
    share = np.mean([_foreground(frame.grey) for frame in frames], axis=0)
    steady = np.asarray(share >= _IN_MOST, np.uint8)
    # Closes the dark lines and reflections inside a part, and opens away single specks of the background.
    closed = cv2.morphologyEx(steady, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, facts, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        raise _unsure("nothing stands out from the background in most of the frames")
    x, y, width, height, area = (int(value) for value in facts[1:][int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))])
    if area < _TOO_SMALL * steady.size:
        raise _unsure(f"what stands out is {area / steady.size:.1%} of the picture")
    if width * height > _TOO_LARGE * steady.size:
        raise _unsure("the part fills the picture")
    return _widened(x, y, width, height, wh, wh[0] / steady.shape[1])


def _background(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Grey level and its robust spread, of the ring along the picture's edge."""
    ring = max(1, round(_BORDER * min(grey.shape)))
    edge = np.ones(grey.shape, np.bool_)
    edge[ring:-ring, ring:-ring] = False
    level = float(np.median(grey[edge]))
    return level, 1.4826 * float(np.median(np.abs(grey[edge] - level)))


def _foreground(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels unlike the background."""
    level, sigma = _background(grey)
    return np.asarray(np.abs(grey - level) > max(_LEAST_GREY, _STANDS_OUT * sigma))


def _widened(x: int, y: int, width: int, height: int, wh: tuple[int, int], scale: float) -> Box:
    margin = _MARGIN * wh[0]
    left, top = max(0, int(x * scale - margin)), max(0, int(y * scale - margin))
    right = min(wh[0], int((x + width) * scale + margin) + 1)
    bottom = min(wh[1], int((y + height) * scale + margin) + 1)
    return Box(left, top, right - left, bottom - top)


def _unsure(why: str) -> GateError:
    return GateError(f"the part cannot be told from the background: {why}", hint="give --region X,Y,WIDTH,HEIGHT")
