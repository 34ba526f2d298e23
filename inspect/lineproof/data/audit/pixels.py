"""One pass over the image files: what each is, whether it is whole, and its duplicates."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Header
from PIL import UnidentifiedImageError

from lineproof.core.decode import FORMATS, decode_image
from lineproof.data.audit.finding import Code
from lineproof.data.audit.raw import RawDataset
from lineproof.data.duplicates import DuplicateFinder, Duplicates
from lineproof.data.formats.pictures import picture_wh
from lineproof.data.loading import Progress, silent
from lineproof.errors import ImageError

_EXIF_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)  # orientations that swap width and height
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_MONO = ("1", "L", "LA", "La", "F")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the file itself says."""

    problem: Code | None = None  # why it cannot be trained on
    text: str = ""
    stored_wh: tuple[int, int] = (0, 0)
    orientation: int = 1  # EXIF
    mode: str = ""  # Pillow's word for its channels

    @property
    def shown_wh(self) -> tuple[int, int]:
        """Width and height as every viewer shows it."""
        width, height = self.stored_wh
        return (height, width) if self.orientation in _TURNED else (width, height)

    @property
    def mono(self) -> bool:
        """One channel in the file."""
        return self.mode in _MONO or self.mode.startswith("I")

    @property
    def alpha(self) -> bool:
        """A channel for transparency."""
        return self.mode in _ALPHA


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Facts by image name, and what shows the same thing."""

    facts: dict[str, ImageFacts]
    duplicates: Duplicates


def look_at(raw: RawDataset, progress: Progress = silent, *, twins: bool = True) -> Pixels:
    """Read every annotated image once; without `twins` only identical files and pixels are found."""
    names = raw.usable()
    facts = {name: image_facts(raw.images / name) for name in progress(names, "looking")}
    good = [name for name in names if facts[name].problem is None]
    finder = DuplicateFinder(good, [facts[name].shown_wh for name in good], twins=twins)
    for row, name in enumerate(progress(good, "comparing")):
        path = raw.images / name
        try:
            data = path.read_bytes()
            finder.add(row, data, decode_image(data, name))
        except (OSError, ImageError) as error:
            facts[name] = ImageFacts(Code.UNREADABLE, _unnamed(error, name))
    return Pixels(facts, finder.result(progress))


def image_facts(path: Path) -> ImageFacts:
    """Read one file to its end; never raises for a bad one."""
    try:
        data = path.read_bytes()
        mode, orientation, stored_wh = _header(data)
        picture_wh(path)
    except (OSError, ImageError) as error:
        return ImageFacts(Code.UNREADABLE, _unnamed(error, str(path)))
    problem, text = None, ""
    if mode.startswith("I") or mode.endswith(";16") or mode == "F":
        problem, text = Code.SIXTEEN_BIT, f"pixel mode {mode}"
    elif mode in _ALPHA or mode == "CMYK":
        problem, text = Code.CHANNELS, f"channels {mode}"
    return ImageFacts(problem, text, stored_wh, orientation, mode)


def _header(data: bytes) -> tuple[str, int, tuple[int, int]]:
    """Mode, EXIF orientation, and width and height as stored; raises ImageError."""
    if not data:
        raise ImageError("0 bytes")
    try:
        with warnings.catch_warnings(), Header.open(io.BytesIO(data), formats=FORMATS) as header:
            warnings.simplefilter("ignore")  # a damaged EXIF block, a large image: the decoder decides
            mode = str(header.mode)
            if any(";16" in str(tile.args) for tile in header.tile):
                mode += "" if ";16" in mode else ";16"
            orientation = int(header.getexif().get(_EXIF_ORIENTATION, 1) or 1)
            return mode, orientation, (header.width, header.height)
    except UnidentifiedImageError:
        raise ImageError("not an image") from None
    except (OSError, ValueError, SyntaxError, TypeError, Header.DecompressionBombError) as error:
        raise ImageError(f"damaged ({error})") from None


def _unnamed(error: OSError | ImageError, name: str) -> str:
    """The reason without the path, which the finding names already."""
    text = error.strerror or str(error) if isinstance(error, OSError) else error.message
    return text.removeprefix(f"{name}: ")
