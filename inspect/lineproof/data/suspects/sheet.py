"""Contact sheets of suspects: the box in question drawn over its image, the others faint, the reason in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lineproof.core import Image
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset
from lineproof.data.palette import Colour, class_colour
from lineproof.data.sheet import write_sheet
from lineproof.data.suspects.suspect import Suspect

PER_SHEET, COLUMNS = 20, 5
_CELL_WH, _TEXT_PX, _GAP_PX, _HEAD_PX = (300, 240), 66, 10, 44
_PAPER: Colour = (38, 34, 32)
_CARD: Colour = (52, 47, 44)
_INK: Colour = (235, 235, 235)
_FAINT: Colour = (170, 165, 160)
_SUSPECT: Colour = (60, 80, 250)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_sheets(folder: Path, dataset: Dataset, suspects: Sequence[Suspect]) -> list[Path]:
    """`suspects-01.png` and on, twenty a sheet; returns the files."""
    files = []
    for number, start in enumerate(range(0, len(suspects), PER_SHEET), 1):
        page = suspects[start : start + PER_SHEET]
        title = f"{dataset.root.name}: suspects {start + 1} to {start + len(page)} of {len(suspects)}"
        files.append(folder / f"suspects-{number:02d}.png")
        write_sheet(files[-1], _sheet(dataset, page, start + 1, title))
    return files


def _sheet(dataset: Dataset, page: Sequence[Suspect], first: int, title: str) -> Image:
    step_x, step_y = _CELL_WH[0] + _GAP_PX, _CELL_WH[1] + _TEXT_PX + _GAP_PX
    columns = min(COLUMNS, max(2, len(page)))
    rows = math.ceil(len(page) / columns)
    sheet = np.full((_HEAD_PX + rows * step_y, columns * step_x + _GAP_PX, 3), _PAPER, np.uint8)
    _write(sheet, title, (_GAP_PX, 28), _INK, 0.62)
    for place, suspect in enumerate(page):
        y, x = _HEAD_PX + place // columns * step_y, _GAP_PX + place % columns * step_x
        sheet[y : y + step_y - _GAP_PX, x : x + _CELL_WH[0]] = _cell(dataset, suspect, first + place)
    return sheet


def _cell(dataset: Dataset, suspect: Suspect, rank: int) -> Image:
    cell = np.full((_CELL_WH[1] + _TEXT_PX, _CELL_WH[0], 3), _CARD, np.uint8)
    image = read_image(suspect.sample.image)
    height, width = image.shape[:2]
    scale = min(_CELL_WH[0] / width, _CELL_WH[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    _draw_boxes(drawn, suspect, scale)
    x, y = (_CELL_WH[0] - size[0]) // 2, (_CELL_WH[1] - size[1]) // 2
    cell[y : y + size[1], x : x + size[0]] = drawn
    given = f"given: {suspect.given}" if suspect.given else "not annotated"
    _write(cell, f"{rank}. {given}", (6, _CELL_WH[1] + 16), _INK, 0.45)
    name = dataset.name_of(suspect.sample)
    for line, text in enumerate([*_wrapped(suspect.reason, _CELL_WH[0] - 12)[:2], name]):
        _write(cell, text, (6, _CELL_WH[1] + 31 + 14 * line), _FAINT, 0.38)
    return cell


def _draw_boxes(drawn: Image, suspect: Suspect, scale: float) -> None:
    """Other annotations thin, in class colours; the suspect thick over them."""
    truth = suspect.sample.truth
    for row, class_id in enumerate(truth.class_id.tolist()):
        if row != suspect.row:
            _box(drawn, truth.xyxy[row].tolist(), scale, class_colour(class_id), 1)
    _box(drawn, list(suspect.xyxy), scale, (20, 20, 20), 4)
    _box(drawn, list(suspect.xyxy), scale, _SUSPECT, 2)


def _box(drawn: Image, xyxy: Sequence[float], scale: float, colour: Colour, thickness: int) -> None:
    x1, y1, x2, y2 = (round(v * scale) for v in xyxy)
    cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if cv2.getTextSize(longer, _FONT, 0.38, 1)[0][0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(image: Image, text: str, at: tuple[int, int], colour: Colour, scale: float) -> None:
    """Plain ASCII; OpenCV's fonts know nothing else in every release."""
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, _FONT, scale, colour, 1, cv2.LINE_AA)
