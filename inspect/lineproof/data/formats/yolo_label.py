"""One YOLO label file: a line per defect, `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 …`, all relative to the image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineproof.data.formats.polygons import polygon_box, polygons_to_mask
from lineproof.data.formats.source import Instance, Labelled, Unlabelled
from lineproof.errors import DatasetError

# Relative coordinates end at 1; a few stick out, but ten image widths away they were never relative.
_FAR = 10.0


@dataclass(frozen=True, slots=True)
class YoloLine:
    """A class number with either a box `cx, cy, w, h` or polygon points `x, y, x, y, …`; relative, 0..1."""

    number: int
    values: tuple[float, ...]

    @property
    def is_box(self) -> bool:
        """Four values are a box, more are a polygon."""
        return len(self.values) == 4

    def instance(self, class_id: int, image_wh: tuple[int, int]) -> Instance:
        """The same in pixels."""
        width, height = image_wh
        if self.is_box:
            cx, cy, w, h = self.values
            return Instance(
                class_id, ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
            )
        polygon = np.array(self.values, np.float64).reshape(-1, 2) * [width, height]
        return Instance(class_id, polygon_box([polygon]), polygons_to_mask([polygon], image_wh))


def parse_line(text: str) -> YoloLine:
    """One line of a label file; raises ValueError that says what is wrong with it."""
    tokens = text.split()
    numbers = [_number(token) for token in tokens]
    if len(numbers) < 5 or len(numbers) == 6 or (len(numbers) > 6 and len(numbers) % 2 == 0):
        hint = " (a confidence at the end? these are predictions, not labels)" if len(numbers) == 6 else ""
        raise ValueError(f"{len(numbers)} numbers, expected 5 (box) or 7, 9, 11, … (polygon){hint}")
    number, values = numbers[0], tuple(numbers[1:])
    if number < 0 or not number.is_integer():
        raise ValueError(f"class {tokens[0]} is not a whole number of 0 or more")
    far = [value for value in values if abs(value) > _FAR]
    if far:
        raise ValueError(f"{far[0]:g} is not relative to the image (0..1); are these pixels?")
    return YoloLine(int(number), values)


def _number(token: str) -> float:
    try:
        value = float(token)
    except ValueError:
        raise ValueError(f"{token[:40]!r} is not a number") from None
    if not math.isfinite(value) or "_" in token:
        raise ValueError(f"{token[:40]!r} is not a number")
    return value


@dataclass(frozen=True, slots=True)
class YoloLabel:
    """A label file; `class_of` maps the numbers in it to class ids."""

    path: Path
    class_of: Mapping[int, int]

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """The truth in pixels; an empty file is a good part. Raises DatasetError naming file and line."""
        instances = []
        for row, text in enumerate(read_text(self.path).splitlines(), start=1):
            if not text.strip():
                continue
            try:
                line = parse_line(text)
            except ValueError as error:
                raise DatasetError(f"{self.path}, line {row}: {error}") from None
            if line.number not in self.class_of:
                known = ", ".join(str(number) for number in sorted(self.class_of))
                raise DatasetError(
                    f"{self.path}, line {row}: class {line.number} has no name (there are {known})",
                    hint="the class list is shorter than the labels, or in another order",
                )
            instances.append(line.instance(self.class_of[line.number], image_wh))
        return Labelled.of(instances)


def read_text(path: Path) -> str:
    """UTF-8, with or without the mark Windows editors put first; raises DatasetError naming the file."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: not text") from None
