"""Bytes to pixels, strictly: what is not surely an intact 8-bit picture of sensible size is refused by name."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Header
from PIL import UnidentifiedImageError

from lineproof.core.frame import Image
from lineproof.errors import ImageError, ImageTooLarge

MAX_PIXELS = 50_000_000  # 8k × 6k; the same as OpenCV's own limit set in lineproof/__init__.py
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
_EIGHT_BIT_MODES = ("L", "RGB", "P", "1")
_header_lock = (
    threading.Lock()
)  # Pillow's own limit is one global of the process; HTTP reads headers in several threads


def decode_image(data: bytes, what: str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode to `(H, W, 3)` uint8 BGR; mono is expanded, EXIF rotation applied as every viewer does.

    Raises:
        ImageError: empty, no image, truncated, too many pixels, 16-bit, or with an alpha channel; says which and `what`.
    """
    check_header(data, what, max_pixels=max_pixels)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ImageError(f"{what}: truncated or damaged image", hint="copy the file again from its source")
    return np.asarray(pixels, np.uint8)


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
    with _header_lock:
        limit, Header.MAX_IMAGE_PIXELS = Header.MAX_IMAGE_PIXELS, None  # the limit below is ours, with our words
        try:
            with Header.open(io.BytesIO(data), formats=FORMATS) as header:
                width, height, mode = header.width, header.height, header.mode
                if ";16" not in mode and any(";16" in str(tile.args) for tile in header.tile):  # colour is "RGB", too
                    mode += ";16"
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Warning):  # a Warning where they are errors
            raise ImageError(f"{what}: not an image", hint=f"{', '.join(FORMATS)} are understood") from None
        finally:
            Header.MAX_IMAGE_PIXELS = limit
    if width * height > max_pixels:
        megapixels = f"{width}×{height} is more than {max_pixels / 1e6:.0f} megapixels"
        raise ImageTooLarge(f"{what}: {megapixels}", hint="send a crop")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La", "CMYK"):
        raise ImageError(f"{what}: {len(mode)} channels ({mode})", hint="save it as plain 8-bit grey or RGB")
    if mode not in _EIGHT_BIT_MODES:
        raise ImageError(f"{what}: pixel mode {mode} is not 8-bit", hint="convert to 8 bits with a fixed scale")
    return width, height
