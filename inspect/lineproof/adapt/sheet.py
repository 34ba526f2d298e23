"""Validation images with what is there and what the runtime engine finds, on one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.atomic import write_bytes
from lineproof.core import Detections, Image, Sample
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold

_TILE = 240  # pixels of a tile's side, caption not counted
_CAPTION = 18
_COLUMNS, _ROWS = 6, 4
_TRUTH = (80, 200, 80)  # BGR green
_FOUND = (60, 60, 235)  # red
_REVIEW = (40, 190, 250)  # amber
_TEXT = (230, 230, 230)


def draw_sheet(
    path: Path,
    samples: Sequence[Sample],
    found: Sequence[Detections],
    classes: Sequence[str],
    thresholds: Mapping[str, Threshold],
) -> None:
    """Up to 24 images spread evenly over the validation split; a PNG written atomically."""
    picks = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), _COLUMNS * _ROWS)).astype(int))
    height = max(round(_TILE * h / max(w, h)) for w, h in (samples[i].image_wh for i in picks))
    tiles = [_tile(samples[i], found[i], classes, thresholds, height) for i in picks]
    blank = np.full_like(tiles[0], 30)
    columns = min(len(tiles), _COLUMNS)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    sheet = np.vstack([*rows, _legend(rows[0].shape[1])])
    write_bytes(path, cv2.imencode(".png", sheet)[1].tobytes())


def _tile(
    sample: Sample, found: Detections, classes: Sequence[str], thresholds: Mapping[str, Threshold], height: int
) -> NDArray[np.uint8]:
    image = read_image(sample.image)
    scale = _TILE / max(image.shape[:2])
    picture = cv2.resize(
        image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    picture = picture[:height, :_TILE]
    canvas = np.full((height + _CAPTION, _TILE, 3), 30, np.uint8)
    canvas[_CAPTION : _CAPTION + picture.shape[0], : picture.shape[1]] = picture
    _outline(canvas, sample.truth, scale, [_TRUTH] * len(sample.truth), thickness=2)
    shown = _at_operating_point(found, classes, thresholds)
    _outline(canvas, found[list(shown)], scale, list(shown.values()), thickness=1)
    names = [f"{classes[found.class_id[row]]} {found.score[row]:.2f}" for row in shown]
    _write(canvas, ", ".join(names) or "nothing found", (3, _CAPTION - 5))
    return canvas


def _at_operating_point(
    found: Detections, classes: Sequence[str], thresholds: Mapping[str, Threshold]
) -> dict[int, tuple[int, int, int]]:
    """Row to colour, of what would reject or wants a look."""
    shown = {}
    for row, (score, class_id) in enumerate(zip(found.score, found.class_id, strict=True)):
        limit = thresholds[classes[class_id]]
        if score >= limit.review_score:
            shown[row] = _FOUND if score >= limit.score else _REVIEW
    return shown


def _outline(
    canvas: Image, detections: Detections, scale: float, colours: list[tuple[int, int, int]], *, thickness: int
) -> None:
    """Boxes, and masks where there are any."""
    for row, colour in enumerate(colours):
        x1, y1, x2, y2 = (round(float(v) * scale) for v in detections.xyxy[row])
        cv2.rectangle(canvas, (x1, y1 + _CAPTION), (x2, y2 + _CAPTION), colour, thickness)
        if detections.masks is not None:
            lines = [(p * scale + (0, _CAPTION)).astype(np.int32) for p in detections.masks[row].polygons()]
            cv2.polylines(canvas, lines, isClosed=True, color=colour, thickness=1)


def _legend(width: int) -> NDArray[np.uint8]:
    strip = np.full((_CAPTION + 8, width, 3), 30, np.uint8)
    x = 6
    for text, colour in (("truth", _TRUTH), ("found", _FOUND), ("for review", _REVIEW)):
        cv2.rectangle(strip, (x, 7), (x + 12, 19), colour, 2)
        _write(strip, text, (x + 18, 18))
        x += 110
    return strip


def _write(canvas: Image, text: str, at: tuple[int, int]) -> None:
    ascii_text = text.encode("ascii", "replace").decode()  # OpenCV's strokes know no other letters
    cv2.putText(canvas, ascii_text[:44], at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, _TEXT, 1, cv2.LINE_AA)
