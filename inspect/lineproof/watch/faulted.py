"""The faults of a camera, made from good pictures: what a gate must refuse, tried on what it has learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.watch.measures import Glimpse

Pixels = NDArray[np.uint8]  # (h, w) or (h, w, 3)
Fault = Callable[[Pixels], Pixels]

STRAY_LIGHT = 0.1  # what is left in the half whose lamp is off
_EDGE = 0.1  # the shadow's soft edge, as a share of the side


def black(pixels: Pixels) -> Pixels:
    """Lens cap, or no light."""
    return np.zeros_like(pixels)


def white(pixels: Pixels) -> Pixels:
    """Everything saturated."""
    return np.full_like(pixels, 255)


def half_lit(side: str, left_over: float = STRAY_LIGHT) -> Fault:
    """One of two lamps off: the half on `side` (left, right, top, bottom) has only `left_over` of its light."""

    def fault(pixels: Pixels) -> Pixels:
        length = pixels.shape[1] if side in ("left", "right") else pixels.shape[0]
        place = (np.arange(length, dtype=np.float32) + 0.5) / length - 0.5
        light = left_over + (1 - left_over) * np.clip(place / _EDGE + 0.5, 0, 1)
        light = light if side in ("left", "top") else light[::-1]
        shape = (1, length) if side in ("left", "right") else (length, 1)
        lit = light.reshape(shape + (1,) * (pixels.ndim - 2))
        return np.asarray(np.round(pixels * lit), np.uint8)

    return fault


def defocused(sigma_px: float) -> Fault:
    """Blurred by a Gaussian of so many pixels."""
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px), np.uint8)


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault, in all the ways it is tried."""

    name: str
    faults: tuple[Fault, ...]
    must: bool  # a gate that lets one of these through is blind to it, and says so
    on_grey: bool = True  # acts on the reduced copy, which light is measured on
    on_crop: bool = True  # acts on the full pixels, which sharpness is measured on

    def of(self, seen: Glimpse) -> Iterator[Glimpse]:
        """What would have been seen with the fault."""
        for fault in self.faults:
            grey = fault(seen.grey) if self.on_grey else seen.grey
            yield Glimpse(grey, fault(seen.crop) if self.on_crop else seen.crop, seen.wh)


# The shadow's edge crosses the centre crop of a large frame, and a blur of camera pixels is less in the reduced copy: each
# is tried where it is measured, so that no fault is refused for another's reason.
TRIALS = (
    Trial("black", (black,), must=True),
    Trial("white", (white,), must=True),
    Trial("half lit", tuple(half_lit(side) for side in ("left", "right", "top", "bottom")), must=True, on_crop=False),
    Trial("defocused by 4 px", (defocused(4),), must=True, on_grey=False),
    Trial("defocused by 2 px", (defocused(2),), must=False, on_grey=False),
    Trial("defocused by 1 px", (defocused(1),), must=False, on_grey=False),
)
