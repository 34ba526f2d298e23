"""What is asked of a commissioning, checked before the camera is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lineproof.errors import InputError
from lineproof.watch.region import Box
from lineproof.watch.scale import Scale, scale_from_ruler


@dataclass(frozen=True, slots=True)
class Board:
    """A checkerboard: inner corners as columns and rows, and the side of a square."""

    corners: tuple[int, int]
    square_mm: float


@dataclass(frozen=True, slots=True)
class Wish:
    """The options that need reading."""

    out: Path
    board: Board | None
    scale: Scale | None  # from a ruler
    region: Box | Literal["auto"] | None


def read_wish(
    line: Path,
    out: Path | None,
    checkerboard: str | None,
    square_mm: float | None,
    ruler: str | None,
    region: str | None,
) -> Wish:
    """Read the options; raises InputError for the first that cannot be meant."""
    target = line if out is None else out
    if target.absolute().parent != line.absolute().parent:
        raise InputError(
            f"--out {target}: not in the folder of {line.name}", hint="paths in a line file start at its folder"
        )
    if (checkerboard is None) != (square_mm is None):
        raise InputError("--checkerboard and --square-mm belong together", hint="--checkerboard 9x6 --square-mm 10")
    if checkerboard is not None and (ruler is not None or region is not None):
        raise InputError(
            "--checkerboard learns the scale alone: the frames show the board, not parts",
            hint="commission again without it for light, focus, place and region",
        )
    board = None if checkerboard is None or square_mm is None else Board(_corners(checkerboard), square_mm)
    return Wish(target, board, None if ruler is None else _ruler(ruler), None if region is None else _region(region))


def _corners(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,2})[x×]([0-9]{1,2})", text)
    if found is None or min(int(found[1]), int(found[2])) < 3:
        raise InputError(
            f"--checkerboard {text}: expected COLUMNSxROWS of 3 or more", hint="count inner corners, e.g. 9x6"
        )
    return int(found[1]), int(found[2])


def _ruler(text: str) -> Scale:
    x1, y1, x2, y2, length_mm = _numbers("--ruler", text, 5, "X1,Y1,X2,Y2,MM, e.g. 100,240,1180,240,90")
    return scale_from_ruler((x1, y1), (x2, y2), length_mm)


def _region(text: str) -> Box | Literal["auto"]:
    if text == "auto":
        return "auto"
    x, y, width, height = _numbers("--region", text, 4, "X,Y,WIDTH,HEIGHT in camera pixels, or auto")
    return Box(int(x), int(y), int(width), int(height))


def _numbers(option: str, text: str, count: int, form: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(abs(number) < 1e6 for number in numbers):
        raise InputError(f"{option} {text}: expected {count} numbers", hint=form)
    return numbers
