"""Frame to model input and exactly back.

Coordinates are pixel *edges*: pixel `i` covers `[i, i + 1)` and its centre is `i + 0.5`, in the frame as on the input.
OpenCV's linear resize maps centres to centres under this convention, so edges map by one factor and one offset.
The geometry is that of ultralytics' `LetterBox`, with which the model was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image

STRIDE = 32  # the coarsest grid of a YOLOv8 network: input sides are multiples of it


Allocate = Callable[[tuple[int, ...]], NDArray[np.uint8]]  # uint8 memory of some shape; a GPU wants it page-locked


def _plain(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.empty(shape, np.uint8)


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a frame lies on the input; maps boxes there and, without rounding, back."""

    source_wh: tuple[int, int]
    input_wh: tuple[int, int]
    scaled_wh: tuple[int, int]
    left: int
    top: int

    @classmethod
    def between(cls, source_wh: tuple[int, int], input_wh: tuple[int, int]) -> Fit:
        """The largest undistorted copy of the frame, centred on an input of fixed size."""
        scaled_wh = _scaled(source_wh, input_wh)
        left, top = (_before(whole - part) for whole, part in zip(input_wh, scaled_wh, strict=True))
        return cls(source_wh, input_wh, scaled_wh, left, top)

    @classmethod
    def within(cls, source_wh: tuple[int, int], limit_wh: tuple[int, int]) -> Fit:
        """The same scale on the smallest input, in whole strides, that holds the copy (models of dynamic shape)."""
        scaled_wh = _scaled(source_wh, limit_wh)
        width, height = (part + (whole - part) % STRIDE for whole, part in zip(limit_wh, scaled_wh, strict=True))
        left, top = _before(width - scaled_wh[0]), _before(height - scaled_wh[1])
        return cls(source_wh, (width, height), scaled_wh, left, top)

    @property
    def gain_xy(self) -> tuple[float, float]:
        """Input pixels per frame pixel; the two differ by the rounding of the copy to whole pixels."""
        return self.scaled_wh[0] / self.source_wh[0], self.scaled_wh[1] / self.source_wh[1]

    def apply(self, xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes `(n, 4)` from frame pixels to input pixels."""
        return np.asarray(xyxy, np.float64) * self._gain() + self._offset()

    def undo(self, xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes `(n, 4)` from input pixels to frame pixels; not clipped."""
        return (np.asarray(xyxy, np.float64) - self._offset()) / self._gain()

    def _gain(self) -> NDArray[np.float64]:
        return np.array(self.gain_xy * 2)

    def _offset(self) -> NDArray[np.float64]:
        return np.array((self.left, self.top) * 2, np.float64)


class Letterbox:
    """Copies frames onto one reused input buffer; the border is painted only when the frame size changes."""

    def __init__(
        self,
        input_wh: tuple[int, int],
        *,
        dynamic: bool,
        pad_value: int,
        channels: int = 3,
        canvas: NDArray[np.uint8] | None = None,
        allocate: Allocate = _plain,
    ) -> None:
        """`canvas (1, H, W, channels)` is where to paint, such as one place of a batch; else what `allocate` gives."""
        self._input_wh = input_wh
        self._dynamic = dynamic
        self._pad_value = pad_value
        self._channels = channels
        self._fit: Fit | None = None
        self._given = canvas
        self._allocate = allocate
        self._canvas: NDArray[np.uint8] = np.empty((1, 0, 0, channels), np.uint8)
        self._colour: NDArray[np.uint8] = np.empty((0, 0, 3), np.uint8)  # a mono model's copy, before it turns grey

    def fill(self, image: Image) -> tuple[NDArray[np.uint8], Fit]:
        """The input `(1, H, W, channels)` uint8 holding this frame, valid until the next call, and its `Fit`."""
        source_wh = (image.shape[1], image.shape[0])
        fit = self._fit
        if fit is None or fit.source_wh != source_wh:
            fit = self._prepare(source_wh)
        width, height = fit.scaled_wh
        window = self._canvas[0, fit.top : fit.top + height, fit.left : fit.left + width]
        if self._channels == 1:
            self._fill_grey(image, fit, window)
        elif fit.scaled_wh == source_wh:
            window[...] = image
        else:
            cv2.resize(image, fit.scaled_wh, dst=window, interpolation=cv2.INTER_LINEAR)
        return self._canvas, fit

    def _fill_grey(self, image: Image, fit: Fit, window: NDArray[np.uint8]) -> None:
        """Luminance, which is the one channel itself where a mono camera filled all three with it."""
        if fit.scaled_wh != fit.source_wh:
            cv2.resize(image, fit.scaled_wh, dst=self._colour, interpolation=cv2.INTER_LINEAR)
            image = self._colour
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=window)

    def _prepare(self, source_wh: tuple[int, int]) -> Fit:
        fit = (Fit.within if self._dynamic else Fit.between)(source_wh, self._input_wh)
        width, height = fit.input_wh
        self._canvas = self._allocate((1, height, width, self._channels)) if self._given is None else self._given
        self._canvas[...] = self._pad_value
        if self._channels == 1:
            self._colour = np.empty((fit.scaled_wh[1], fit.scaled_wh[0], 3), np.uint8)
        self._fit = fit
        return fit


def _scaled(source_wh: tuple[int, int], input_wh: tuple[int, int]) -> tuple[int, int]:
    gain = min(input_wh[0] / source_wh[0], input_wh[1] / source_wh[1])
    return max(round(source_wh[0] * gain), 1), max(round(source_wh[1] * gain), 1)


def _before(padding: int) -> int:
    """Pixels of border left of or above the copy: of an odd number the smaller half, as ultralytics rounds it."""
    return round(padding / 2 - 0.1)
