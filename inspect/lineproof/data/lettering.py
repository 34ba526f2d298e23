"""Words on pictures."""

from __future__ import annotations

import cv2

from lineproof.core import Image
from lineproof.data.palette import Colour

PAPER: Colour = (38, 34, 32)
INK: Colour = (235, 235, 235)
FAINT: Colour = (165, 160, 155)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def write(image: Image, text: str, at: tuple[int, int], colour: Colour, scale: float, thickness: int = 1) -> None:
    """Draw a line of plain ASCII; OpenCV's fonts know nothing else in every release."""
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, _FONT, scale, colour, thickness, cv2.LINE_AA)


def width_px(text: str, scale: float) -> int:
    """How wide a line will be."""
    return int(cv2.getTextSize(text.encode("ascii", "replace").decode(), _FONT, scale, 1)[0][0])


def fitting(text: str, width: int, scale: float) -> str:
    """The end of a text that is too long: file names differ there."""
    if width_px(text, scale) <= width:
        return text
    while text and width_px(f"...{text}", scale) > width:
        text = text[1:]
    return f"...{text}"
