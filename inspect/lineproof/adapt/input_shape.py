"""The model's input chosen from the images it was trained on: no pixel of border and no colour plane for nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lineproof.core import Sample
from lineproof.core.decode import read_image
from lineproof.core.tiles import Tiling
from lineproof.engine.letterbox import Fit

# Colour cameras show colour in every image; a mono camera in none. Two hundred spread over the set settle it.
_COLOUR_SAMPLE = 200


def input_wh_for(frames_wh: Sequence[tuple[int, int]], imgsz: int, tiling: Tiling | None = None) -> tuple[int, int]:
    """The smallest input, in whole strides, on which frames of all these sizes lie as large as on `imgsz` × `imgsz`.

    Frames of 16:9 need 640×384, not 640×640: 40 % of the square would be border. Where frames are cut, their tiles
    count, and the tiles of a frame that is smaller in one direction are so too.
    """
    if tiling is not None:
        frames_wh = [tiling.grid(frame_wh)[0].wh for frame_wh in frames_wh]
    fits = [Fit.within(frame_wh, (imgsz, imgsz)).input_wh for frame_wh in set(frames_wh)]
    if not fits:
        return imgsz, imgsz
    return max(width for width, _ in fits), max(height for _, height in fits)


def all_grey(samples: Sequence[Sample]) -> bool:
    """Whether no image has colour, judged by up to 200 of them, evenly spread."""
    step = max(len(samples) // _COLOUR_SAMPLE, 1)
    return bool(samples) and all(_is_grey(read_image(sample.image)) for sample in samples[::step])


def _is_grey(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    blue, green, red = image[..., 0], image[..., 1], image[..., 2]
    return np.array_equal(blue, green) and np.array_equal(green, red)
