"""Bytes to pixels, strictly: what is not surely an intact 8-bit picture of sensible size is refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineproof.core.frame import Image
from lineproof.errors import ImageError, ImageTooLarge

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 50_000_000  # 8k × 6k; the same as OpenCV's own limit set in lineproof/__init__.py
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
REDUCTIONS = (2, 4, 8)  # how many times smaller libjpeg can decode without ever computing the whole picture
_EIGHT_BIT_MODES = ("L", "RGB", "P", "1")
_JPEG = b"\xff\xd8\xff"  # by these three bytes Pillow and OpenCV know it, too
_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
# Pillow's class for each kind, by its first bytes. `Image.open` would import five of its formats at the first picture
# (40 ms of a start) and warn by a limit that is one global of the process.
_READERS = (
    (_JPEG, "JpegImagePlugin", "JpegImageFile"),
    (b"\x89PNG\r\n\x1a\n", "PngImagePlugin", "PngImageFile"),
    (b"BM", "BmpImagePlugin", "BmpImageFile"),
    (b"RIFF", "WebPImagePlugin", "WebPImageFile"),
    *(
        (start, "TiffImagePlugin", "TiffImageFile")
        for start in (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
    ),
)


Reduce = Callable[[tuple[int, int]], int]  # width and height as stored to 1, 2, 4 or 8: how many times smaller


def whole(_image_wh: tuple[int, int]) -> int:
    """A `Reduce` that leaves every picture as it is."""
    return 1


def reduction(image_wh: tuple[int, int], least_wh: tuple[int, int], allowed: Collection[int] = REDUCTIONS) -> int:
    """The largest allowed reduction after which the picture still has `least_wh` pixels; 1 when there is none.

    Only one that divides both sides: libjpeg fills the last pixels of a side that it does not divide with copies of the
    edge, and boxes would no longer map back by one exact factor.
    """
    (width, height), (least_width, least_height) = image_wh, least_wh
    fitting = (
        n for n in allowed if width % n == height % n == 0 and width // n >= least_width and height // n >= least_height
    )
    return max(fitting, default=1)


def decode_image(data: bytes, what: str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode to `(H, W, 3)` uint8 BGR; mono is expanded, EXIF rotation applied as every viewer does.

    Raises:
        ImageError: empty, no image, truncated, too many pixels, 16-bit, or with an alpha channel; says which and `what`.
    """
    return decode_reduced(data, what, whole, max_pixels=max_pixels)[0]


def decode_reduced(data: bytes, what: str, reduce: Reduce, *, max_pixels: int = MAX_PIXELS) -> tuple[Image, int]:
    """The same, a JPEG as many times smaller as `reduce` says of its size; and how many times that was.

    Raises:
        ImageError: as `decode_image`; a truncated file is refused at every scale.
    """
    image_wh = check_header(data, what, max_pixels=max_pixels)
    times = reduce(image_wh) if is_jpeg(data) else 1
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[times])
    if pixels is None:
        raise ImageError(f"{what}: truncated or damaged image", hint="copy the file again from its source")
    return np.asarray(pixels, np.uint8), times


def is_jpeg(data: bytes) -> bool:
    """Whether these are the first bytes of a JPEG."""
    return data.startswith(_JPEG)


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read and decode a file; raises ImageError that names it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from None
    return decode_image(data, str(path), max_pixels=max_pixels)


def check_header(data: bytes, what: str, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height as stored, from the header alone; raises ImageError for anything `decode_image` would refuse."""
    if not data:
        raise ImageError(f"{what}: 0 bytes", hint="send the image as the request body, or check the copy")
    try:
        with _header(data) as header:
            width, height, mode = header.width, header.height, header.mode
            if ";16" not in mode and any(";16" in str(tile.args) for tile in header.tile):  # colour is "RGB", too
                mode += ";16"
    except (OSError, ValueError, SyntaxError, Warning):  # a Warning where they are errors
        raise ImageError(f"{what}: not an image", hint=f"{', '.join(FORMATS)} are understood") from None
    if width * height > max_pixels:
        megapixels = f"{width}×{height} is more than {max_pixels / 1e6:.0f} megapixels"
        raise ImageTooLarge(f"{what}: {megapixels}", hint="send a crop")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La", "CMYK"):
        raise ImageError(f"{what}: {len(mode)} channels ({mode})", hint="save it as plain 8-bit grey or RGB")
    if mode not in _EIGHT_BIT_MODES:
        raise ImageError(f"{what}: pixel mode {mode} is not 8-bit", hint="convert to 8 bits with a fixed scale")
    return width, height


def _header(data: bytes) -> ImageFile:
    """The header as Pillow reads it; SyntaxError for what is none."""
    for start, module, reader in _READERS:
        if data.startswith(start):
            opened: ImageFile = getattr(import_module(f"PIL.{module}"), reader)(io.BytesIO(data))
            return opened
    raise SyntaxError
