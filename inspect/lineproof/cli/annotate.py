"""A picture of one inspection: what was found, and what was decided."""

from __future__ import annotations

import cv2
import numpy as np

from lineproof.core import Decision, Image, Inspection
from lineproof.data.palette import GOOD, Colour, class_colour

SIDE_PX = (480, 1600)  # longer side of the picture: smaller images are enlarged, or nobody can read the labels
BANNER_PX = 30
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
    side = max(image.shape[:2])
    scale = min(max(side, SIDE_PX[0]), SIDE_PX[1]) / side
    size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.array(cv2.resize(image, size_wh, interpolation=how), np.uint8)
    blamed = {reason.detection for reason in inspection.verdict.reasons}
    for row in reversed(range(len(inspection.detections))):  # the surest on top
        _draw_detection(canvas, inspection, row, scale, blamed=row in blamed)
    return np.vstack([_banner(inspection, canvas.shape[1]), canvas])


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
        _write(canvas, label, (x0, y0 - 4 if y0 > 16 else y1 + 14), colour)


def _banner(inspection: Inspection, width: int) -> Image:
    banner = np.full((BANNER_PX, width, 3), _BANNER[inspection.decision], np.uint8)
    _write(banner, inspection.decision.value, (8, 21), (255, 255, 255), size=0.7)
    return banner


def _write(canvas: Image, text: str, at: tuple[int, int], colour: Colour, size: float = 0.5) -> None:
    """Text with a dark rim, readable on any part."""
    cv2.putText(canvas, text, at, _FONT, size, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(canvas, text, at, _FONT, size, colour, 1, cv2.LINE_AA)
