"""One open device: what the capture thread reads from, and OpenCV's version of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.errors import ImageError, SourceLost


class Shot(NamedTuple):
    """One whole picture as a device gave it, with what the device says about it."""

    image: Image  # (H, W, 3) uint8 BGR, our own memory
    channels: int = 3  # as delivered: 1 is mono, expanded in `image`
    counter: int | None = None  # the device's own count of its pictures
    stamp_ns: int | None = None  # of the exposure, by the device's own clock: its zero is anywhere


class Handle(Protocol):
    """An open device; used by one thread only, closed by the same."""

    def read(self) -> Shot | None:
        """Wait for the next picture; may hang for as long as the device likes.

        None: no picture yet, and all is well, as between two triggers of a hardware-triggered camera.

        Raises:
            SourceLost: nothing more will come from this handle.
            ImageError: this picture is damaged; the next may be good.
        """

    def close(self) -> None:
        """Let go of the device."""


class OpenCvHandle:
    """A `VideoCapture`; `isOpened` is not asked, because it stays True after a stream has died."""

    def __init__(self, capture: cv2.VideoCapture, what: str) -> None:
        self._capture = capture
        self._what = what

    def read(self) -> Shot:
        """The next picture; a read that fails is the end of this handle."""
        try:
            there, image = self._capture.read()
        except cv2.error as error:
            raise SourceLost(f"{self._what}: OpenCV failed: {error.err}") from None
        if not there or image is None:
            raise SourceLost(f"{self._what}: no picture came", hint="check power, cable and address")
        return Shot(as_bgr(image, self._what), channels=1 if image.ndim == 2 else image.shape[2])

    def close(self) -> None:
        """Release the capture."""
        self._capture.release()


def as_bgr(image: NDArray[np.generic], what: str) -> Image:
    """`(H, W, 3)` uint8 BGR of what a camera delivered; mono is expanded here and nowhere else."""
    if image.dtype != np.uint8:
        raise ImageError(f"{what}: delivers {image.dtype} pixels, not 8-bit", hint="set an 8-bit pixel format")
    if image.ndim == 2 or image.shape[2] == 1:
        return np.asarray(cv2.cvtColor(np.asarray(image, np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)
    if image.shape[2] != 3:
        raise ImageError(f"{what}: delivers {image.shape[2]} channels", hint="set a mono or BGR pixel format")
    return np.asarray(image, np.uint8)
