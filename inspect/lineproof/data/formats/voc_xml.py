"""One Pascal VOC file: the image it is about, its size, and a box per object. DTDs and entities are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

from lineproof.errors import DatasetError

MAX_XML_BYTES = 10_000_000  # a file of ten thousand boxes has 3 MB


@dataclass(frozen=True, slots=True)
class VocObject:
    """A class name and a box `x1, y1, x2, y2` in pixels, as written."""

    name: str
    xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class VocFile:
    """What one XML says; `filename` may lack its suffix or be empty, `size_wh` is None where it is absent or zero."""

    path: Path
    filename: str
    size_wh: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def read_voc_file(path: Path) -> VocFile:
    """Read one file; raises DatasetError naming it and the object that cannot be used."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return parse_voc(data, path)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from None


def parse_voc(data: bytes, path: Path) -> VocFile:
    """The content of a file; raises ValueError that says what is wrong with it."""
    if len(data) > MAX_XML_BYTES:
        raise ValueError(f"larger than {MAX_XML_BYTES} bytes, this is no annotation")
    root = _tree(data)
    if root.tag != "annotation":
        raise ValueError(f"<{root.tag}> instead of <annotation>, this is no Pascal VOC file")
    objects = tuple(_object(number, element) for number, element in enumerate(root.findall("object"), start=1))
    return VocFile(path, (root.findtext("filename") or "").strip(), _size(root), objects)


def _tree(data: bytes) -> ET.Element:
    """Parse twice: once to see that there is no DTD (entities multiply, or read files), then for good."""
    watch = expat.ParserCreate()
    watch.StartDoctypeDeclHandler = _refuse_dtd
    try:
        watch.Parse(data, True)  # noqa: FBT003 (the signature of expat)
        return ET.fromstring(data)  # noqa: S314 (no DTD: seen above)
    except (expat.ExpatError, ET.ParseError) as error:
        raise ValueError(f"not valid XML ({error})") from None
    except LookupError as error:
        raise ValueError(f"unknown encoding ({error})") from None


def _refuse_dtd(name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool) -> None:  # noqa: FBT001
    del name, system_id, public_id, has_internal_subset
    raise ValueError("has a DOCTYPE, which annotations do not need and attackers do")


def _size(root: ET.Element) -> tuple[int, int] | None:
    """Width and height; tools that do not know them write 0."""
    width, height = _text(root, "size/width"), _text(root, "size/height")
    if not width or not height:
        return None
    size = (_number(width, "size, width"), _number(height, "size, height"))
    return (round(size[0]), round(size[1])) if min(size) > 0 else None


def _object(number: int, element: ET.Element) -> VocObject:
    name = _text(element, "name")
    if not name:
        raise ValueError(f"object {number}: no name")
    box = element.find("bndbox")
    if box is None:
        raise ValueError(f"object {number} ({name}): no bndbox")
    sides = []
    for side in ("xmin", "ymin", "xmax", "ymax"):
        text = _text(box, side)
        if not text:
            raise ValueError(f"object {number} ({name}): no {side}")
        sides.append(_number(text, f"object {number} ({name}), {side}"))
    return VocObject(name, (sides[0], sides[1], sides[2], sides[3]))


def _text(element: ET.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: {text[:40]!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{where}: {text[:40]!r} is not a number")
    return value
