"""Contact sheets of images nobody annotated, with what was found on them and two lines of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lineproof.core import Detections, Image, Sample
from lineproof.data.lettering import FAINT, INK, PAPER, fitting, write
from lineproof.data.palette import Colour, class_colour
from lineproof.data.sheet import CARD, CELL_WH, GAP_PX, columns_for, draw_head, draw_in_cell

_CAPTION_PX = 54


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One cell of a sheet."""

    path: Path
    words: tuple[str, str]  # the first line in `ink`, the second plain
    name: str
    ink: Colour = INK
    found: Detections = field(default_factory=Detections.empty)


def draw_pictures(
    pictures: Sequence[Picture], title: str, *, classes: Sequence[str] = (), columns: int | None = None
) -> Image:
    """A grid `(H, W, 3)` of the pictures in their order, classes of detections explained at the top."""
    columns = columns or columns_for(len(pictures))
    step_x, step_y = CELL_WH[0] + GAP_PX, CELL_WH[1] + _CAPTION_PX + GAP_PX
    width = columns * step_x + GAP_PX
    body = np.full((math.ceil(len(pictures) / columns) * step_y + GAP_PX, width, 3), PAPER, np.uint8)
    for index, picture in enumerate(pictures):
        y, x = GAP_PX + index // columns * step_y, GAP_PX + index % columns * step_x
        body[y : y + CELL_WH[1] + _CAPTION_PX, x : x + CELL_WH[0]] = _cell(picture)
    shown = sorted({int(i) for picture in pictures for i in picture.found.class_id})
    return np.vstack([draw_head(title, [(class_colour(i), classes[i]) for i in shown], width), body])


def _cell(picture: Picture) -> Image:
    cell = np.full((CELL_WH[1] + _CAPTION_PX, CELL_WH[0], 3), CARD, np.uint8)
    draw_in_cell(cell, Sample(picture.path, CELL_WH, picture.found, ""))
    lines = ((picture.words[0], picture.ink, 0.42), (picture.words[1], INK, 0.36), (picture.name, FAINT, 0.36))
    for line, (text, colour, scale) in enumerate(lines):
        at = (6, CELL_WH[1] + 14 + 16 * line)
        write(cell, fitting(text, CELL_WH[0] - 12, scale), at, colour, scale)
    return cell
