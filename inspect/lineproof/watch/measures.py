"""Fast measures of one frame: light on a reduced copy, sharpness on a centre crop at full resolution."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image

Grey = NDArray[np.uint8]  # (h, w)

REDUCED_PX = 160  # width of the reduced copy
CROP_PX = 256  # side of the centre crop
SATURATED, BLACK = 250, 5  # grey levels from which, and up to which, a pixel tells nothing
# Of a squared difference between 8-bit pixels, 2 · 1/12 is rounding alone; a surface without structure is not sharp.
_ROUNDING = 0.05


class Glimpse(NamedTuple):
    """What is kept of a frame to measure it: some 80 kB, whatever the camera's size."""

    grey: Grey  # (h, w), no more than 160 px wide
    crop: Grey  # (k, k) of the centre, k up to 256 px, at full resolution
    wh: tuple[int, int]  # of the frame, px


class Measures(NamedTuple):
    """Light, sharpness and evenness of one frame."""

    mean: float  # 0–255
    p1: float  # grey level below which 1 % of the pixels lie
    p99: float
    saturated: float  # share of pixels at 250 or more
    dark: float  # share of pixels at 5 or less
    left_right: float  # mean of the left half by that of the right
    top_bottom: float
    sharpness_fine: float  # see `_sharpness`
    sharpness_coarse: float

    @property
    def contrast(self) -> float:
        """Grey levels between the darkest and the brightest 1 %."""
        return self.p99 - self.p1


def glimpse(image: Image) -> Glimpse:
    """Reduce an `(H, W, 3)` uint8 BGR image: single pixels to a width of 320, from there by area."""
    height, width = image.shape[:2]
    picked = cv2.resize(image, _scaled((width, height), 2 * REDUCED_PX), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(picked, cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(grey, _scaled((width, height), REDUCED_PX), interpolation=cv2.INTER_AREA)
    x, y = max(0, (width - CROP_PX) // 2), max(0, (height - CROP_PX) // 2)
    crop = cv2.cvtColor(image[y : y + CROP_PX, x : x + CROP_PX], cv2.COLOR_BGR2GRAY)
    return Glimpse(np.asarray(grey, np.uint8), np.asarray(crop, np.uint8), (width, height))


def _scaled(wh: tuple[int, int], width: int) -> tuple[int, int]:
    """The same shape no wider than `width`."""
    return (width, max(1, round(wh[1] * width / wh[0]))) if wh[0] > width else wh


def measure(seen: Glimpse) -> Measures:
    """Measure a glimpse."""
    grey = seen.grey
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    share = np.cumsum(counts, dtype=np.float64) / grey.size
    fine, coarse = _sharpness(seen.crop)
    height, width = grey.shape
    return Measures(
        mean=float(counts @ np.arange(256)) / grey.size,
        p1=float(np.searchsorted(share, 0.01)),
        p99=float(np.searchsorted(share, 0.99)),
        saturated=1 - float(share[SATURATED - 1]),
        dark=float(share[BLACK]),
        left_right=_ratio(grey[:, : max(1, width // 2)], grey[:, width // 2 :]),
        top_bottom=_ratio(grey[: max(1, height // 2)], grey[height // 2 :]),
        sharpness_fine=fine,
        sharpness_coarse=coarse,
    )


def _ratio(one: Grey, other: Grey) -> float:
    """Of the means; two grey levels are added so that black by black is 1."""
    return (float(cv2.mean(one)[0]) + 2) / (float(cv2.mean(other)[0]) + 2)


def _sharpness(crop: Grey) -> tuple[float, float]:
    """How much of the differences between pixels is there at a short distance already: fine, and coarse.

    With d(s) the mean squared difference of pixels s apart, fine is d(1)/d(4): a sensor's own blur, JPEG and the surface
    set it, light and contrast do not. Coarse is (d(2) − d(1)) / (d(8) − d(1)): white noise adds the same to every d and
    falls out, so that a defocused picture from a noisy sensor is told as well.
    """
    d1, d2, d4, d8 = (_squared_difference(crop, apart) for apart in (1, 2, 4, 8))
    fine = (d1 + _ROUNDING) / (d4 + 2 * _ROUNDING)
    coarse = (max(d2 - d1, 0.0) + _ROUNDING) / (max(d8 - d1, 0.0) + 2 * _ROUNDING)
    return fine, coarse


def _squared_difference(crop: Grey, apart: int) -> float:
    """Mean of (a − b)² over pixels so far apart, along plus across; 0 where the crop is smaller."""
    height, width = crop.shape
    if min(height, width) <= apart:
        return 0.0
    along = cv2.norm(crop[:, apart:], crop[:, :-apart], cv2.NORM_L2SQR) / (height * (width - apart))
    across = cv2.norm(crop[apart:], crop[:-apart], cv2.NORM_L2SQR) / (width * (height - apart))
    return float(along + across)
