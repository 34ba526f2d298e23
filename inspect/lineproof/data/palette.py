"""One colour for each class, the same in every picture."""

from __future__ import annotations

import cv2
import numpy as np

Colour = tuple[int, int, int]  # BGR

# No green, which means good. Bright on grey metal and told apart by most colour-blind people (after Okabe and Ito, lightened).
_FIRST: tuple[Colour, ...] = (
    (0, 165, 255),  # orange
    (240, 190, 80),  # sky blue
    (200, 120, 240),  # pink
    (70, 230, 245),  # yellow
    (235, 130, 150),  # violet
    (255, 120, 60),  # blue
    (60, 80, 250),  # red
    (230, 230, 120),  # turquoise
)
GOOD: Colour = (110, 200, 80)
_GOLDEN = 0.618034  # turns of the colour wheel that never come close to an earlier one


def class_colour(class_id: int) -> Colour:
    """The colour of a class."""
    if class_id < len(_FIRST):
        return _FIRST[class_id]
    hue = int(180 * ((class_id - len(_FIRST)) * _GOLDEN % 1))
    pixel = cv2.cvtColor(np.array([[[hue, 150, 245]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])
