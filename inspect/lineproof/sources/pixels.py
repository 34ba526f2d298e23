"""The pixel formats of GenICam cameras, brought to BGR once and nowhere else."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.errors import ImageError, SourceLost


class PixelFormat(NamedTuple):
    """How an 8-bit format lies in memory, and how OpenCV calls the way from there to BGR; None: it is BGR."""

    name: str
    channels: int
    to_bgr: int | None


# By value: GenICam Pixel Format Naming Convention (PFNC) 2.1, the same in GigE Vision, USB3 Vision and CoaXPress.
# PFNC names a mosaic by its first two pixels; OpenCV's names of four letters say the same.
FORMATS = {
    0x01080001: PixelFormat("Mono8", 1, cv2.COLOR_GRAY2BGR),
    0x01080008: PixelFormat("BayerGR8", 1, cv2.COLOR_BayerGRBG2BGR),
    0x01080009: PixelFormat("BayerRG8", 1, cv2.COLOR_BayerRGGB2BGR),
    0x0108000A: PixelFormat("BayerGB8", 1, cv2.COLOR_BayerGBRG2BGR),
    0x0108000B: PixelFormat("BayerBG8", 1, cv2.COLOR_BayerBGGR2BGR),
    0x02180014: PixelFormat("RGB8", 3, cv2.COLOR_RGB2BGR),
    0x02180015: PixelFormat("BGR8", 3, None),
    0x02200016: PixelFormat("RGBa8", 4, cv2.COLOR_RGBA2BGR),
    0x02200017: PixelFormat("BGRa8", 4, cv2.COLOR_BGRA2BGR),
}


def to_bgr(data: NDArray[np.uint8], value: int, wh: tuple[int, int], what: str) -> Image:
    """`(H, W, 3)` BGR in its own memory, of the bytes of a buffer; each row may end in padding.

    Raises:
        SourceLost: a format that is not 8-bit mono, Bayer, RGB or BGR; no picture of this camera can be used.
        ImageError: fewer bytes than the picture has.
    """
    known = FORMATS.get(value)
    if known is None:
        names = ", ".join(known.name for known in FORMATS.values())
        raise SourceLost(
            f"{what}: pixel format 0x{value:08X} is not supported", hint=f"set pixel_format to one of {names}"
        )
    width, height = wh
    stride = data.size // max(height, 1)
    if width < 1 or height < 1 or stride < width * known.channels:
        raise ImageError(f"{what}: incomplete: {data.size} bytes for a {known.name} picture of {width}×{height}")
    rows = data[: height * stride].reshape(height, stride)[:, : width * known.channels]
    pixels = rows.reshape(height, width, known.channels)
    if known.to_bgr is None:
        return np.array(pixels)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), known.to_bgr), np.uint8)


def channels_of(value: int) -> int:
    """Channels that a format has: 1 for mono and Bayer."""
    return FORMATS[value].channels
