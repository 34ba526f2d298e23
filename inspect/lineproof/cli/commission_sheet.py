"""The contact sheet of a commissioning: the frames that were learnt, and those set aside with their reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lineproof.core import Image
from lineproof.data.lettering import FAINT, PAPER, fitting, write
from lineproof.data.palette import GOOD
from lineproof.data.sheet import CARD, CELL_WH, GAP_PX, columns_for, draw_head

_CAPTION_PX = 38
_MOST = 60  # frames on a sheet; all that were set aside come first
_ASIDE = (60, 80, 250)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame, small enough to keep."""

    name: str
    image: Image  # no larger than a cell


def shown(name: str, image: Image) -> Shown:
    """Reduce an `(H, W, 3)` BGR frame to the size of a cell."""
    height, width = image.shape[:2]
    scale = min(CELL_WH[0] / width, CELL_WH[1] / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Shown(name, np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))


def draw_commissioned(frames: Sequence[Shown], rejected: dict[int, str], title: str) -> Image:
    """A grid `(H, W, 3)`: what was set aside with its reason, then learnt frames, evenly chosen."""
    good = [row for row in range(len(frames)) if row not in rejected]
    room = max(0, _MOST - len(rejected))
    step = max(1, math.ceil(len(good) / room)) if room else len(good) + 1
    rows = [*rejected, *(good[::step] if room else [])]
    columns = columns_for(len(rows))
    step_x, step_y = CELL_WH[0] + GAP_PX, CELL_WH[1] + _CAPTION_PX + GAP_PX
    width = columns * step_x + GAP_PX
    body = np.full((math.ceil(len(rows) / columns) * step_y + GAP_PX, width, 3), PAPER, np.uint8)
    for place, row in enumerate(rows):
        y, x = GAP_PX + place // columns * step_y, GAP_PX + place % columns * step_x
        _draw(body[y : y + CELL_WH[1] + _CAPTION_PX, x : x + CELL_WH[0]], frames[row], rejected.get(row))
    return np.vstack([draw_head(title, [(GOOD, "learnt"), (_ASIDE, "set aside")], width), body])


def _draw(cell: Image, frame: Shown, why: str | None) -> None:
    cell[:] = CARD
    height, width = frame.image.shape[:2]
    x, y = (CELL_WH[0] - width) // 2, (CELL_WH[1] - height) // 2
    cell[y : y + height, x : x + width] = frame.image
    colour = GOOD if why is None else _ASIDE
    cv2.rectangle(cell, (0, 0), (CELL_WH[0] - 1, CELL_WH[1] - 1), colour, 1)
    write(cell, why or "learnt", (6, CELL_WH[1] + 14), colour, 0.36)
    write(cell, fitting(frame.name, CELL_WH[0] - 12, 0.36), (6, CELL_WH[1] + 30), FAINT, 0.36)
