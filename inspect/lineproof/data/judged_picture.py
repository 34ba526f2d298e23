"""One image with what is there and what was found, large enough to see a small defect."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from lineproof.core import Detections, Image
from lineproof.data.palette import GOOD, Colour

SIDE_PX = 360  # of the picture on the page
SMALLEST_PX = 14  # sides of a drawn box are at least this
FOUND: Colour = (60, 80, 250)  # red
_HALO: Colour = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def judged_picture(image: Image, truth: Detections, found: Detections) -> Image:
    """The image `(H, W, 3)` at most 360 px wide and high: truth in green, detections in red with their scores."""
    scale = SIDE_PX / max(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    for row in range(len(truth)):
        _box(drawn, truth.xyxy[row] * scale, GOOD, 2)
    for row in np.argsort(found.score):
        x, y = _box(drawn, found.xyxy[row] * scale, FOUND, 1)
        _write(drawn, f"{found.score[row]:.2f}", (x, y), FOUND)
    return drawn


def as_data_url(image: Image) -> str:
    """A JPEG inside an address, for pages that load nothing."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _box(drawn: Image, xyxy: np.ndarray, colour: Colour, thickness: int) -> tuple[int, int]:
    """Draw it, a tiny one enlarged around its centre; the place for its score."""
    x1, y1, x2, y2 = xyxy.tolist()
    grow_x, grow_y = max(0.0, SMALLEST_PX - (x2 - x1)) / 2, max(0.0, SMALLEST_PX - (y2 - y1)) / 2
    low, high = (round(x1 - grow_x), round(y1 - grow_y)), (round(x2 + grow_x), round(y2 + grow_y))
    cv2.rectangle(drawn, low, high, _HALO, thickness + 2, cv2.LINE_AA)  # seen on bright and on dark parts
    cv2.rectangle(drawn, low, high, colour, thickness, cv2.LINE_AA)
    return max(low[0], 2), low[1] - 4 if low[1] > 16 else min(high[1] + 13, drawn.shape[0] - 4)


def _write(drawn: Image, text: str, at: tuple[int, int], colour: Colour) -> None:
    cv2.putText(drawn, text, at, _FONT, 0.42, _HALO, 3, cv2.LINE_AA)
    cv2.putText(drawn, text, at, _FONT, 0.42, colour, 1, cv2.LINE_AA)
