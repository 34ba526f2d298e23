"""The eight ways to turn and mirror a picture, on pixels and on its spectrum.

Turning by 180° conjugates the spectrum (up to a shift), so four orders of the frequencies serve all eight.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


class Turn(StrEnum):
    """What was done to the first picture to lay it on the second."""

    SAME = "as it is"
    HALF = "rotated by 180°"
    MIRROR = "mirrored left-right"
    FLIP = "mirrored top-bottom"
    TRANSPOSE = "mirrored and rotated by 90°"
    ANTITRANSPOSE = "mirrored and rotated by 270°"
    LEFT = "rotated by 90°"
    RIGHT = "rotated by 270°"


# Row t: the turns whose spectra are order t of `SPECTRAL_MAPS` as it is, and conjugated.
TURNS = (
    (Turn.SAME, Turn.HALF),
    (Turn.MIRROR, Turn.FLIP),
    (Turn.TRANSPOSE, Turn.ANTITRANSPOSE),
    (Turn.LEFT, Turn.RIGHT),
)
# (a, b, c, d): the turned picture has at frequency (ky, kx) what the picture has at (a·ky + b·kx, c·ky + d·kx).
SPECTRAL_MAPS = ((1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, 1, -1, 0))
# Axes (y, x) of the turned picture along which pixels run backwards.
_BACKWARDS = {
    Turn.SAME: (False, False),
    Turn.HALF: (True, True),
    Turn.MIRROR: (False, True),
    Turn.FLIP: (True, False),
    Turn.TRANSPOSE: (False, False),
    Turn.ANTITRANSPOSE: (True, True),
    Turn.LEFT: (True, False),
    Turn.RIGHT: (False, True),
}
_SWAPS_AXES = (Turn.TRANSPOSE, Turn.ANTITRANSPOSE, Turn.LEFT, Turn.RIGHT)


def turn_picture(picture: F32, turn: Turn) -> F32:
    """A picture `(h, w)` turned; `(w, h)` where the turn swaps the axes."""
    base = picture.T if turn in _SWAPS_AXES else picture
    flip_y, flip_x = _BACKWARDS[turn]
    return np.ascontiguousarray(base[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def cyclic_offset(turn: Turn, turned_hw: tuple[int, int]) -> tuple[int, int]:
    """How far (y, x) a turned picture lies from its cyclic twin: index -i of the canvas is i of the flipped picture."""
    flip_y, flip_x = _BACKWARDS[turn]
    return (turned_hw[0] - 1 if flip_y else 0), (turned_hw[1] - 1 if flip_x else 0)


@dataclass(frozen=True, eq=False)
class Band:
    """The ring of frequencies that is compared: one half plane, the other follows from it."""

    canvas_px: int
    mask: NDArray[np.bool_]  # (C, C // 2 + 1) of the half spectrum
    orders: tuple[NDArray[np.int64], ...]  # four times (d,): where to read the turned spectrum
    conjugate: tuple[NDArray[np.bool_], ...]  # four times (d,): and whether its conjugate is stored there

    @classmethod
    def ring(cls, canvas_px: int, low: float, high: float) -> Band:
        """Frequencies between `low` and `high` cycles per pixel."""
        fy = np.fft.fftfreq(canvas_px)[:, None]
        fx = np.fft.rfftfreq(canvas_px)[None, :]
        radius = np.hypot(fy, fx)
        mask = (radius > low) & (radius < high)
        mask[:, 0] &= fy[:, 0] > 0
        rows, columns = np.nonzero(mask)
        rows = np.where(rows > canvas_px // 2, rows - canvas_px, rows)
        place = np.full((2 * canvas_px + 1, 2 * canvas_px + 1), -1, np.int64)
        place[rows + canvas_px, columns + canvas_px] = np.arange(len(rows))
        orders, conjugate = [], []
        for a, b, c, d in SPECTRAL_MAPS:
            y, x = a * rows + b * columns, c * rows + d * columns
            found = place[y + canvas_px, x + canvas_px]
            opposite = place[canvas_px - y, canvas_px - x]
            orders.append(np.where(found >= 0, found, opposite))
            conjugate.append(found < 0)
        return cls(canvas_px, mask, tuple(orders), tuple(conjugate))

    def __len__(self) -> int:
        """Number of frequencies d."""
        return int(self.mask.sum())
