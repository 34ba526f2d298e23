"""A picture of one inspection: what was found, and what was decided."""

from __future__ import annotations

import cv2
import numpy as np

from lineproof.core import Decision, Image, Inspection
from lineproof.data.palette import GOOD, Colour, class_colour

SIDE_PX = (480, 1600)  # longer side of the picture: smaller images are enlarged, or nobody can read the labels
BANNER_PX = 30
LINE_PX = 18  # of a label
_BANNER: dict[Decision, Colour] = {
    Decision.PASS: GOOD,
    Decision.FAIL: (60, 60, 220),
    Decision.REVIEW: (40, 180, 240),
    Decision.FAULT: (170, 60, 150),
}
_FAINT: Colour = (150, 150, 150)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: Image, inspection: Inspection) -> Image:
    """A copy with the decision on a banner and the detections that led to it in class colours; the others are faint."""
    canvas, scale = readable(image)
    blamed = {reason.detection for reason in inspection.verdict.reasons}
    for row in reversed(range(len(inspection.detections))):  # the surest on top
        _draw_detection(canvas, inspection, row, scale, blamed=row in blamed)
    return np.vstack([banner(inspection, canvas.shape[1]), canvas])


def readable(image: Image) -> tuple[Image, float]:
    """A copy at a size one can look at, and how many times as large it is."""
    side = max(image.shape[:2])
    scale = min(max(side, SIDE_PX[0]), SIDE_PX[1]) / side
    size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.array(cv2.resize(image, size_wh, interpolation=how), np.uint8), scale


def _draw_detection(canvas: Image, inspection: Inspection, row: int, scale: float, *, blamed: bool) -> None:
    found = inspection.detections
    class_id = int(found.class_id[row])
    colour = class_colour(class_id) if blamed else _FAINT
    x0, y0, x1, y1 = (round(edge * scale) for edge in found.xyxy[row].tolist())
    if found.masks is not None and blamed:
        outlines = [np.round(outline * scale).astype(np.int32) for outline in found.masks[row].polygons()]
        cv2.polylines(canvas, outlines, isClosed=True, color=colour, thickness=2, lineType=cv2.LINE_AA)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 2 if blamed else 1)
    if blamed:
        label = f"{inspection.classes[class_id]} {found.score[row]:.2f}"
        write(canvas, label, _label_place(canvas, (x0, y0, x1, y1), row), colour)


def _label_place(canvas: Image, box: tuple[int, int, int, int], row: int) -> tuple[int, int]:
    """Above the box, else below it, else inside: of a classifier every box is the whole frame, so one line each."""
    x0, y0, _, y1 = box
    if y0 > LINE_PX:
        return x0, y0 - 4
    if y1 + LINE_PX <= canvas.shape[0]:
        return x0, y1 + 14
    return x0 + 6, y0 + LINE_PX * (row + 1)


def banner(inspection: Inspection, width: int) -> Image:
    """A strip in the decision's colour, with its name."""
    strip = np.full((BANNER_PX, width, 3), _BANNER[inspection.decision], np.uint8)
    write(strip, inspection.decision.value, (8, 21), (255, 255, 255), size=0.7)
    return strip


def write(canvas: Image, text: str, at: tuple[int, int], colour: Colour, size: float = 0.5) -> None:
    """Text with a dark rim, readable on any part."""
    cv2.putText(canvas, text, at, _FONT, size, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(canvas, text, at, _FONT, size, colour, 1, cv2.LINE_AA)
