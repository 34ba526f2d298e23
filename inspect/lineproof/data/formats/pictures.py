"""Image files of a source: which there are, how large they are, whether they are whole."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path

from PIL import Image as Header
from PIL import UnidentifiedImageError

from lineproof.core.decode import FORMATS, MAX_PIXELS
from lineproof.data.formats.walk import files_below
from lineproof.errors import ImageError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_EXIF_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)  # orientations that swap width and height


def is_picture(path: Path) -> bool:
    """By its suffix; hidden files (such as macOS' `._name.jpg`) are none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def list_pictures(folder: Path) -> list[Path]:
    """Every image below a folder, in order of names."""
    return sorted(path for path in files_below(folder) if is_picture(path))


def picture_wh(path: Path) -> tuple[int, int]:
    """Width and height as a viewer shows it (EXIF applied); the data is read to its end, so that a cut file is found.

    16-bit pictures and those with an alpha channel are let through: the audit names them.

    Raises:
        ImageError: unreadable, no image, damaged, or too large; names the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise ImageError(f"{path}: 0 bytes")
    limit, Header.MAX_IMAGE_PIXELS = Header.MAX_IMAGE_PIXELS, None  # the limit below is ours, with our words
    try:
        with warnings.catch_warnings(), Header.open(io.BytesIO(data), formats=FORMATS) as picture:
            warnings.simplefilter("ignore")  # a damaged EXIF block does not make the picture unusable
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"{path}: {width}×{height} is more than {MAX_PIXELS / 1e6:.0f} megapixels")
            turned = picture.getexif().get(_EXIF_ORIENTATION) in _TURNED
            picture.draft(None, (max(width // 8, 1), max(height // 8, 1)))  # a JPEG at an eighth: a third of the time
            picture.load()
    except UnidentifiedImageError:
        raise ImageError(f"{path}: not an image") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"{path}: truncated or damaged ({error})") from None
    finally:
        Header.MAX_IMAGE_PIXELS = limit
    return (height, width) if turned else (width, height)


def by_stem(pictures: Iterable[Path]) -> dict[str, list[Path]]:
    """Pictures under their name without folder and suffix."""
    found: dict[str, list[Path]] = {}
    for path in pictures:
        found.setdefault(path.stem, []).append(path)
    return found
