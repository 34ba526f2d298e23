"""Does the camera still look where it looked: shift and turn of a frame against a learnt picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.atomic import write_bytes
from lineproof.core.decode import read_image
from lineproof.errors import ImageError, SettingsError
from lineproof.watch.measures import Glimpse, Grey

# A pixel is steady while its own spread over the good frames is below this share of the picture's contrast: at a quarter,
# noise and a few per cent of light stay in and a part that is another one each time stays out.
_STEADY = 0.25
# Fewer steady pixels and a place cannot be told from them.
MIN_STEADY = 0.1
_FLOOR = 1e-6


class Position(NamedTuple):
    """Of a frame, relative to the template."""

    dx_px: float  # to the right, in pixels of the camera
    dy_px: float  # down
    turn_deg: float  # clockwise as seen
    match: float  # correlation of the steady pixels after shift and turn are undone: 1 is the same picture

    @property
    def shift_px(self) -> float:
        """How far, in pixels of the camera."""
        return float(np.hypot(self.dx_px, self.dy_px))


class Template:
    """The learnt picture, and which of its pixels stand still."""

    def __init__(self, grey: Grey, steady: NDArray[np.bool_]) -> None:
        """Both `(h, w)`."""
        self.grey = grey
        self.steady = steady
        height, width = grey.shape
        self._mask = steady.ravel().astype(np.float32)
        self._share = self._mask / max(1.0, float(self._mask.sum()))
        learnt = grey.ravel().astype(np.float32)
        self._learnt = (learnt - learnt @ self._share) * self._mask
        self._norm = float(np.linalg.norm(self._learnt))
        self._half = max(1, height // 2), max(1, width // 2)
        tops, lefts = (0, height - self._half[0]), (0, width - self._half[1])
        self._corners = [(top, left) for top in tops for left in lefts]
        self._window = cv2.createHanningWindow((self._half[1], self._half[0]), cv2.CV_32F)
        self._quarters = [self._quarter_of_template(top, left) for top, left in self._corners]
        # Each quarter gives two equations in dx, dy and turn: d = (dx, dy) + turn · (−y, x) at its centre.
        self._equations = np.zeros((8, 3))
        for row, (top, left) in enumerate(self._corners):
            x, y = left + self._half[1] / 2 - width / 2, top + self._half[0] / 2 - height / 2
            self._equations[2 * row] = 1, 0, -y
            self._equations[2 * row + 1] = 0, 1, x

    @classmethod
    def of(cls, greys: Sequence[Grey]) -> Template:
        """The median of pictures `(h, w)`, each brought to the same mean first."""
        stack = np.stack(greys).astype(np.float32) + 1
        stack *= stack.mean() / stack.mean((1, 2), keepdims=True)
        middle = np.median(stack, axis=0)
        spread = 1.4826 * np.median(np.abs(stack - middle), axis=0)
        return cls(np.clip(middle, 0, 255).astype(np.uint8), spread <= _STEADY * float(middle.std()))

    @property
    def steady_share(self) -> float:
        """Of the pixels."""
        return float(self.steady.mean())

    def locate(self, seen: Glimpse) -> Position:
        """By phase correlation of four quarters and one rigid movement through the four.

        A pixel of the reduced copy is several of the camera's: shifts are good to some 2 camera pixels in 1280 and turns
        to some 0.4°, beyond a sixth of the picture only the match tells.
        """
        shifts, weights = np.zeros(8), np.zeros(8)
        picture = seen.grey.astype(np.float32)
        for row, (quarter, (top, left)) in enumerate(zip(self._quarters, self._corners, strict=True)):
            window = picture[top : top + self._half[0], left : left + self._half[1]]
            # A copy: OpenCV multiplies what it is given by the window, in place (seen with 5.0).
            shift, response = cv2.phaseCorrelate(quarter.copy(), window - window.mean(), self._window)
            shifts[2 * row : 2 * row + 2] = shift
            weights[2 * row : 2 * row + 2] = max(response, _FLOOR)
        weighted = self._equations.T * weights
        dx, dy, turn = np.linalg.solve(weighted @ self._equations, weighted @ shifts)
        scale = seen.wh[0] / seen.grey.shape[1]
        match = self._match(picture, dx, dy, turn)
        return Position(float(dx * scale), float(dy * scale), float(np.degrees(turn)), match)

    def write(self, path: Path) -> None:
        """A PNG, whole or not at all: the picture, red where it is steady."""
        steady = np.where(self.steady, 255, 0).astype(np.uint8)
        write_bytes(path, cv2.imencode(".png", np.dstack([self.grey, self.grey, steady]))[1].tobytes())

    @classmethod
    def read(cls, path: Path) -> Template:
        """Raises SettingsError for what `write` did not write."""
        try:
            pixels = read_image(path)
        except ImageError as error:
            raise SettingsError(
                f"quality.position.template: {error.message}", hint="commission the line again: lineproof commission"
            ) from None
        return cls(np.ascontiguousarray(pixels[:, :, 0]), pixels[:, :, 2] > 127)

    def _quarter_of_template(self, top: int, left: int) -> NDArray[np.float32]:
        """Its steady pixels around 0, the others at 0: what moves about there must not pull."""
        window = slice(top, top + self._half[0]), slice(left, left + self._half[1])
        steady = self.steady[window]
        quarter = self.grey[window].astype(np.float32)
        quarter -= quarter[steady].mean() if steady.any() else quarter.mean()
        quarter[~steady] = 0
        return quarter

    def _match(self, picture: NDArray[np.float32], dx: float, dy: float, turn: float) -> float:
        height, width = picture.shape
        cos, sin, x, y = np.cos(turn), np.sin(turn), (width - 1) / 2, (height - 1) / 2
        to_picture = np.array([[cos, -sin, x + dx - cos * x + sin * y], [sin, cos, y + dy - sin * x - cos * y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        back = cv2.warpAffine(picture, to_picture, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        there = back.ravel()
        there = (there - there @ self._share) * self._mask
        norm = float(np.linalg.norm(there)) * self._norm
        return float(there @ self._learnt) / norm if norm > _FLOOR else 0.0
