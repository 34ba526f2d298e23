"""What every picture of a live camera must be before anybody decides on it."""

from __future__ import annotations

import numpy as np

from lineproof.core import Image
from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Shot

# GigE Vision 1.x counts its blocks in 16 bits, from 1 to 65535 and on with 1; 2.x in 64 bits, without end.
SHORT_COUNTER = 65_535
SAMPLE = 61  # every so many rows; prime, so that no pattern of the scene or the sensor has the same step


class FrameContract:
    """Size and channels stay, the camera's counter goes up, and a live sensor never shows the same noise twice."""

    def __init__(self, *, width: int | None = None, height: int | None = None, frozen_after: int | None = 2) -> None:
        """Size in pixels, default: that of the first picture; `frozen_after` equal pictures are a fault, None: never."""
        self._wh = (width, height)
        self._frozen_after = frozen_after
        self._channels: int | None = None
        self._counter: int | None = None
        self._last: Image | None = None
        self._run = 0  # equal pictures in a row
        self.gaps = 0  # pictures that the camera counted and that did not arrive whole

    def renew(self) -> None:
        """A fresh handle: its counter may begin anew; size, channels and the last picture hold on."""
        self._counter = None

    def check(self, shot: Shot) -> None:
        """Take the next picture.

        Raises:
            ImageError: frozen, or an old picture came again; the next may be good.
            SourceLost: another size or number of channels; what was commissioned no longer fits.
        """
        self._check_format(shot)
        self._check_counter(shot.counter)
        self._check_frozen(shot.image)

    def _check_format(self, shot: Shot) -> None:
        height, width = shot.image.shape[:2]
        wanted = (self._wh[0] or width, self._wh[1] or height)
        if (width, height) != wanted:
            raise SourceLost(
                f"the picture is {width}×{height}, expected {wanted[0]}×{wanted[1]}",
                hint="zones and sizes are in pixels: set the camera back, or commission the line anew",
            )
        if shot.channels != (self._channels or shot.channels):
            raise SourceLost(
                f"the camera delivers {shot.channels} channels, it was {self._channels}",
                hint="set its pixel format back, or commission the line anew",
            )
        self._wh, self._channels = wanted, shot.channels

    def _check_counter(self, counter: int | None) -> None:
        if counter is None:
            return
        last, self._counter = self._counter, counter
        if last is None:
            return
        if counter == last:
            raise ImageError(f"frozen: the camera's counter stands still at {counter}", hint="restart the camera")
        gap = counter - last - 1
        if gap < -(SHORT_COUNTER // 2) and last <= SHORT_COUNTER:
            gap = max(0, gap + SHORT_COUNTER)
        if gap < 0:
            raise ImageError(f"the camera's counter went back from {last} to {counter}: an old picture came again")
        self.gaps += gap

    def _check_frozen(self, image: Image) -> None:
        self._run = self._run + 1 if _equal(image, self._last) else 1
        self._last = image
        if self._frozen_after is not None and self._run >= self._frozen_after:
            raise ImageError(
                f"frozen: {self._run} equal pictures in a row",
                hint="restart the camera; source.frozen_after for one without noise",
            )


def _equal(image: Image, last: Image | None) -> bool:
    """A sample of rows first: in two live pictures they differ, and the rest need not be read."""
    if last is None or image.shape != last.shape:
        return False
    return np.array_equal(image[::SAMPLE], last[::SAMPLE]) and np.array_equal(image, last)
