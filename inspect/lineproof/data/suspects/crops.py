"""Annotated boxes cut out with some of what is around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image

CONTEXT = 0.2  # of the box's size, on every side
LEAST_CONTEXT_PX = 8


def crop_with_context(image: Image, xyxy: NDArray[np.float32]) -> Image:
    """The part of an image `(H, W, 3)` that shows a box and its surroundings; at least one pixel, never outside."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (float(v) for v in xyxy)
    dx, dy = (max(CONTEXT * side, LEAST_CONTEXT_PX) for side in (x2 - x1, y2 - y1))
    left, top = (int(np.clip(v, 0, end - 1)) for v, end in ((x1 - dx, width), (y1 - dy, height)))
    right, bottom = (
        int(np.clip(np.ceil(v), start + 1, end)) for v, start, end in ((x2 + dx, left, width), (y2 + dy, top, height))
    )
    return image[top:bottom, left:right]
