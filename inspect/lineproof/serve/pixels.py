"""Pixels that need no decoding: `application/x-ndarray`, told apart and checked by the parameters of the content type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from lineproof.core import Image
from lineproof.serve.errors import Refusal

NDARRAY_TYPE = "application/x-ndarray"
EXAMPLE_TYPE = f'{NDARRAY_TYPE}; dtype=uint8; shape="960,1280,3"; order=BGR'
_REMEDY = f"send `Content-Type: {EXAMPLE_TYPE}` with the bytes of a C-contiguous array"

# RFC 9110: `; name=token` or `; name="quoted"`; empty parameters (`;;`) are allowed
_PARAMETER = re.compile(
    r"""[ \t]*;[ \t]*(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]+)|"(?P<quoted>[^"\\]*)"))?"""
)
_SHAPE = re.compile(r"\(?[ ]*([1-9][0-9]{0,8})[ ]*,[ ]*([1-9][0-9]{0,8})[ ]*(?:,[ ]*([13])[ ]*)?\)?")
_ORDERS = {"BGR": 3, "RGB": 3, "GRAY": 1}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the bytes of a body are pixels: uint8, rows from the top, C order."""

    height: int
    width: int
    order: Literal["BGR", "RGB", "GRAY"]

    @classmethod
    def parse(cls, content_type: str, *, max_pixels: int) -> PixelFormat:
        """Read the content type.

        Raises:
            Refusal: a parameter is missing, unknown, twice there or malformed (422), not 8 bits (415), or the picture is
                too large (413).
        """
        given = _parameters(content_type)
        dtype, shape, order = given.pop("dtype", None), given.pop("shape", None), given.pop("order", None)
        if given:
            raise _wrong(f"unknown parameter {next(iter(given))[:40]!r}")
        if dtype is None:
            raise _wrong("dtype is missing")
        if dtype.lower() not in {"uint8", "|u1", "u1"}:
            raise Refusal("unsupported_media_type", f"x-ndarray: dtype {dtype[:40]!r} is not uint8", hint=_REMEDY)
        found = _SHAPE.fullmatch(shape or "")
        if found is None:
            raise _wrong('shape must be "height,width", "height,width,1" or "height,width,3"')
        channels = int(found[3] or 1)
        name = (order or ("GRAY" if channels == 1 else "")).upper()
        if _ORDERS.get(name) != channels:  # nobody guesses the order of three channels
            raise _wrong("order must be BGR or RGB for three channels" if channels == 3 else "one channel is GRAY")
        pixels = cls(int(found[1]), int(found[2]), name)  # type: ignore[arg-type]  # checked by _ORDERS
        if pixels.height * pixels.width > max_pixels:
            size = f"{pixels.width}×{pixels.height} is more than {max_pixels / 1e6:g} megapixels"
            raise Refusal("image_too_large", f"x-ndarray: {size}", hint="send a crop")
        return pixels

    @property
    def size_bytes(self) -> int:
        """How long the body must be."""
        return self.height * self.width * _ORDERS[self.order]

    def check_length(self, length_bytes: int) -> None:
        """Raise Refusal (400) unless the body has exactly the bytes of its shape."""
        if length_bytes != self.size_bytes:
            message = f"x-ndarray: the shape asks for {self.size_bytes} bytes, {length_bytes} came"
            raise Refusal("not_an_image", message, hint=_REMEDY)

    def image(self, data: bytes | bytearray) -> Image:
        """The `(H, W, 3)` BGR image; for BGR the very bytes of the body."""
        array = np.frombuffer(data, np.uint8)
        if self.order == "GRAY":
            return np.asarray(cv2.cvtColor(array.reshape(self.height, self.width), cv2.COLOR_GRAY2BGR), np.uint8)
        pixels = array.reshape(self.height, self.width, 3)
        return pixels if self.order == "BGR" else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)

    def __str__(self) -> str:
        """One spelling for each format: the same bytes in another shape are another picture."""
        return f"{self.height},{self.width},{self.order}"


def _parameters(content_type: str) -> dict[str, str]:
    """The parameters of a media type, names lower case; raises Refusal (422) for what is none."""
    rest = content_type.partition(";")
    text, at, found = rest[1] + rest[2], 0, dict[str, str]()
    while at < len(text.rstrip(" \t")):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise _wrong("the parameters of the content type cannot be read")
        at = match.end()
        if match["name"] is None:
            continue
        name = match["name"].lower()
        if name in found:
            raise _wrong(f"{name[:40]} is given twice")
        found[name] = match["token"] if match["token"] is not None else match["quoted"]
    return found


def _wrong(message: str) -> Refusal:
    return Refusal("invalid_request", f"x-ndarray: {message}", hint=_REMEDY)
