"""Size of a camera pixel on the part, in millimetres: from a checkerboard, or from two points a known length apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.errors import GateError, InputError

# Half a per cent between the board's sides is one per cent in an area: no tolerance is set finer by eye.
_TILTED = 0.005
_MIN_SQUARE_PX = 5.0  # below, corners are not found to a tenth of a pixel


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimetres per pixel, and how much to trust it."""

    mm_per_px: float
    residual_px: float  # root mean square of the corners from a perfect grid seen squarely; 0 for a ruler
    tilt: float  # largest of the grid's sides by its opposite, less 1; 0 for a ruler
    corners: int

    @property
    def warning(self) -> str | None:
        """What makes the figure doubtful; None when nothing does."""
        if self.tilt <= _TILTED:
            return None
        return (
            f"the board is tilted, or the lens distorts: one side is {self.tilt:.1%} longer than its opposite; "
            "sizes are off by as much from one edge of it to the other"
        )


def scale_from_board(image: Image, inner_corners: tuple[int, int], square_mm: float) -> Scale:
    """Measure an `(H, W, 3)` uint8 BGR picture of a checkerboard; `inner_corners` are columns and rows.

    Raises:
        InputError: a board of fewer than 3 × 3 inner corners, or squares of no size.
        GateError: no such board in the picture, or too small in it.
    """
    columns, rows = inner_corners
    if min(columns, rows) < 3 or not square_mm > 0:
        raise InputError(
            f"a board of {columns}×{rows} inner corners and {square_mm:g} mm squares", hint="e.g. 9x6 and 10 mm"
        )
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    flags = cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
    there, corners = cv2.findChessboardCornersSB(grey, (columns, rows), flags=flags)
    if not there:
        raise GateError(
            f"no checkerboard of {columns}×{rows} inner corners in the picture",
            hint="count the corners where four squares meet; show the whole board, sharp and evenly lit",
        )
    grid = np.asarray(corners, np.float64).reshape(rows, columns, 2)
    square_px, residual_px = _fit(grid)
    if square_px < _MIN_SQUARE_PX:
        raise GateError(f"a square of the board is {square_px:.1f} px wide", hint="use a board with larger squares")
    return Scale(square_mm / square_px, residual_px, _tilt(grid), columns * rows)


def scale_from_ruler(one: tuple[float, float], other: tuple[float, float], length_mm: float) -> Scale:
    """From two points in pixels and the length between them; raises InputError for points too close to measure by."""
    length_px = float(np.hypot(other[0] - one[0], other[1] - one[1]))
    if not length_mm > 0:
        raise InputError(f"a ruler of {length_mm:g} mm", hint="X1,Y1,X2,Y2,MM: two points in pixels and their distance")
    if length_px < 100:  # a point is set to a pixel or so: two of them are 2 % of this
        raise InputError(f"the two points are {length_px:.0f} px apart", hint="measure over 100 px or more")
    return Scale(length_mm / length_px, 0.0, 0.0, 2)


def _fit(grid: NDArray[np.float64]) -> tuple[float, float]:
    """Side of a square and root mean square residual, px: the similarity that maps a perfect grid best (Umeyama 1991)."""
    rows, columns = grid.shape[:2]
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    fits = []
    # Corners may be numbered from any corner of the board: a mirrored numbering needs a mirrored grid.
    for direction in (1, -1):
        ideal = (across - (columns - 1) / 2) + 1j * direction * (down - (rows - 1) / 2)
        seen = grid[..., 0] + 1j * grid[..., 1]
        seen = seen - seen.mean()
        factor = np.vdot(ideal, seen) / np.vdot(ideal, ideal)
        residual = float(np.sqrt(np.mean(np.abs(seen - factor * ideal) ** 2)))
        fits.append((float(abs(factor)), residual))
    return min(fits, key=lambda fit: fit[1])


def _tilt(grid: NDArray[np.float64]) -> float:
    """How much longer a side of the board is than its opposite, or an average square is one way than the other."""
    rows, columns = grid.shape[:2]

    def length(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(one - other))

    top, bottom = length(grid[0, 0], grid[0, -1]), length(grid[-1, 0], grid[-1, -1])
    left, right = length(grid[0, 0], grid[-1, 0]), length(grid[0, -1], grid[-1, -1])
    along, across = (top + bottom) / (columns - 1), (left + right) / (rows - 1)
    return max(max(pair) / min(pair) for pair in ((top, bottom), (left, right), (along, across))) - 1
