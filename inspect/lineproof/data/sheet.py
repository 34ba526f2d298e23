"""Contact sheets: many annotated images on one picture, with a legend."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from lineproof.atomic import write_bytes
from lineproof.core import Image, Sample
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset
from lineproof.data.lettering import FAINT, INK, PAPER, fitting, width_px, write
from lineproof.data.palette import GOOD, Colour, class_colour
from lineproof.errors import ImageError, InputError

CELL_WH, CAPTION_PX, GAP_PX, HEAD_PX = (232, 196), 36, 10, 64
SMALLEST_PX = 14  # a defect drawn smaller than this gets a ring, or nobody finds it
CARD: Colour = (52, 47, 44)


def draw_sheet(dataset: Dataset, samples: list[Sample], title: str) -> Image:
    """A grid `(H, W, 3)` of the samples with masks or boxes, class names and file names; good parts are marked OK."""
    columns = columns_for(len(samples))
    rows = math.ceil(len(samples) / columns)
    step_x, step_y = CELL_WH[0] + GAP_PX, CELL_WH[1] + CAPTION_PX + GAP_PX
    width = columns * step_x + GAP_PX
    entries = [(class_colour(i), name) for i, name in enumerate(dataset.classes)]
    if any(sample.ok for sample in dataset.samples):
        entries = [(GOOD, "OK"), *entries]
    head = draw_head(title, entries, width)
    body = np.full((rows * step_y + GAP_PX, width, 3), PAPER, np.uint8)
    for index, sample in enumerate(samples):
        y, x = GAP_PX + index // columns * step_y, GAP_PX + index % columns * step_x
        body[y : y + CELL_WH[1] + CAPTION_PX, x : x + CELL_WH[0]] = _cell(dataset, sample)
    return np.vstack([head, body])


def require_png(path: Path) -> None:
    """Raise InputError for a picture that would not be PNG, before anything is drawn."""
    if path.suffix.lower() != ".png":
        raise InputError(f"--out {path}: expected a .png file")


def write_sheet(path: Path, sheet: Image) -> None:
    """Write a PNG, whole or not at all; raises InputError for a picture too large for one."""
    encoded, data = cv2.imencode(".png", sheet)
    if not encoded:
        raise InputError(
            f"{path}: {sheet.shape[1]}×{sheet.shape[0]} pixels cannot be written", hint="show fewer images"
        )
    write_bytes(path, data.tobytes())


def draw_truth(image: Image, sample: Sample, scale: float) -> Image:
    """A copy `(H, W, 3)` with masks tinted and outlined, or boxes, in class colours; `scale` was applied to the image."""
    drawn = image.copy()
    for row, class_id in enumerate(sample.truth.class_id.tolist()):
        colour = class_colour(class_id)
        x0, y0, x1, y1 = (round(float(v) * scale) for v in sample.truth.xyxy[row])
        if sample.truth.masks is not None:
            outlines = [np.round(p * scale).astype(np.int32) for p in sample.truth.masks[row].polygons()]
            tint = drawn.copy()
            cv2.fillPoly(tint, outlines, colour)
            drawn = cv2.addWeighted(tint, 0.35, drawn, 0.65, 0).astype(np.uint8)
            cv2.polylines(drawn, outlines, isClosed=True, color=colour, thickness=1, lineType=cv2.LINE_AA)
        else:
            cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, 1, cv2.LINE_AA)
        if max(x1 - x0, y1 - y0) < SMALLEST_PX:
            cv2.circle(drawn, ((x0 + x1) // 2, (y0 + y1) // 2), SMALLEST_PX, colour, 2, cv2.LINE_AA)
    return drawn


def columns_for(count: int) -> int:
    """About as wide as high on a screen, with few empty places in the last row."""
    near = max(3, math.ceil(math.sqrt(1.3 * count)))
    return min((near, near - 1, near + 1), key=lambda columns: -count % columns) if count > 3 else 3


def _cell(dataset: Dataset, sample: Sample) -> Image:
    """One image with its caption."""
    cell = np.full((CELL_WH[1] + CAPTION_PX, CELL_WH[0], 3), CARD, np.uint8)
    draw_in_cell(cell, sample)
    _caption(cell, dataset, sample)
    return cell


def draw_in_cell(cell: Image, sample: Sample) -> None:
    """Put the image with its truth into the upper part of a cell, or say that it cannot be read."""
    try:
        image = read_image(sample.image)
    except ImageError:
        write(cell, "cannot be read", (8, CELL_WH[1] // 2), (60, 80, 250), 0.5)
        return
    height, width = image.shape[:2]
    scale = min(CELL_WH[0] / width, CELL_WH[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = draw_truth(np.asarray(cv2.resize(image, size, interpolation=how), np.uint8), sample, scale)
    x, y = (CELL_WH[0] - size[0]) // 2, (CELL_WH[1] - size[1]) // 2
    cell[y : y + size[1], x : x + size[0]] = drawn


def _caption(cell: Image, dataset: Dataset, sample: Sample) -> None:
    """What is on it, then the file name and its split."""
    baseline = CELL_WH[1] + 14
    if sample.ok:
        write(cell, "OK", (6, baseline), GOOD, 0.45, 2)
    room = CELL_WH[0] - 6 - (width_px(sample.split, 0.38) + 8 if sample.split else 0)
    x, classes = 6, sorted(set(sample.truth.class_id.tolist()))
    for place, class_id in enumerate(classes):
        count = int((sample.truth.class_id == class_id).sum())
        text = dataset.classes[class_id] + (f" x{count}" if count > 1 else "")
        if x + width_px(text, 0.42) > room:
            write(cell, f"+{len(classes) - place}", (min(x, room - 16), baseline), FAINT, 0.42)
            break
        write(cell, text, (x, baseline), class_colour(class_id), 0.42)
        x += width_px(text, 0.42) + 10
    if sample.split:
        write(cell, sample.split, (CELL_WH[0] - width_px(sample.split, 0.38) - 6, baseline), FAINT, 0.38)
    write(cell, fitting(dataset.name_of(sample), CELL_WH[0] - 12, 0.36), (6, baseline + 16), FAINT, 0.36)


def draw_head(title: str, entries: list[tuple[Colour, str]], width: int) -> Image:
    """The title and the legend, in as many lines as it takes."""
    places, x, line = [], GAP_PX + 4, 0
    for _, text in entries:
        needed = 22 + width_px(text, 0.5) + 18
        if x + needed > width and x > GAP_PX + 4:
            x, line = GAP_PX + 4, line + 1
        places.append((x, line))
        x += needed
    head = np.full((HEAD_PX + 22 * line, width, 3), PAPER, np.uint8)
    write(head, fitting(title, width - 2 * GAP_PX, 0.62), (GAP_PX + 4, 28), INK, 0.62)
    for (colour, text), (left, row) in zip(entries, places, strict=True):
        baseline = 54 + 22 * row
        cv2.rectangle(head, (left, baseline - 11), (left + 14, baseline + 2), colour, -1)
        write(head, text, (left + 20, baseline), INK, 0.5)
    return head
