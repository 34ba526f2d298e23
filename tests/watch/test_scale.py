from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import image
from lineproof.errors import GateError, InputError
from lineproof.watch.scale import scale_from_board, scale_from_ruler


def board(columns: int, rows: int, square_px: int, turn_deg: float = 0, taper: float = 0) -> np.ndarray:
    """Picture of a board with so many inner corners, turned and with its right side larger by `taper`."""
    height, width = (rows + 3) * square_px, (columns + 3) * square_px
    y, x = np.mgrid[:height, :width]
    inside = (y >= square_px) & (y < height - square_px) & (x >= square_px) & (x < width - square_px)
    flat = np.where(inside & ((x // square_px + y // square_px) % 2 == 0), 20, 230).astype(np.uint8)
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    middle, side = np.float32([width / 2, height / 2]), height * taper / 2
    pulled = corners + np.float32([[0, 0], [0, -side], [0, side], [0, 0]])
    turn = np.deg2rad(turn_deg)
    rotation = np.float32([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    size = int(1.5 * max(width, height))
    target = np.float32((pulled - middle) @ rotation.T + size / 2)
    matrix = cv2.getPerspectiveTransform(corners, target)
    picture = cv2.warpPerspective(flat, matrix, (size, size), flags=cv2.INTER_AREA, borderValue=230)
    return cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.8), cv2.COLOR_GRAY2BGR)


@pytest.mark.parametrize(("columns", "rows"), [(9, 6), (6, 9), (5, 5)])
@pytest.mark.parametrize("turn_deg", [0, 7, 90, 143])
def test_a_board_gives_the_size_of_a_pixel(columns, rows, turn_deg):
    found = scale_from_board(board(columns, rows, 24, turn_deg), (columns, rows), 10)
    assert found.mm_per_px == pytest.approx(10 / 24, rel=3e-3)
    assert found.residual_px < 0.2
    assert found.warning is None
    assert found.corners == columns * rows


def test_a_tilted_board_is_measured_and_warned_about():
    found = scale_from_board(board(9, 6, 24, taper=0.05), (9, 6), 10)
    assert 0.02 < found.tilt < 0.06
    assert found.residual_px > 0.3
    assert "the board is tilted, or the lens distorts" in found.warning


@pytest.mark.parametrize(
    ("picture", "corners", "says"),
    [
        (image(640, 480), (9, 6), "no checkerboard of 9×6 inner corners"),
        (board(9, 6, 24), (8, 6), "no checkerboard of 8×6"),
    ],
)
def test_no_such_board_is_the_answer_no(picture, corners, says):
    with pytest.raises(GateError, match=says) as caught:
        scale_from_board(picture, corners, 10)
    assert caught.value.hint


@pytest.mark.parametrize(("corners", "square_mm"), [((2, 6), 10), ((9, 6), 0), ((9, 6), float("nan"))])
def test_a_board_that_is_none_is_a_wrong_call(corners, square_mm):
    with pytest.raises(InputError, match="a board of"):
        scale_from_board(image(), corners, square_mm)


@given(st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.1, 1000))
def test_a_ruler_is_exact_or_refused(x, y, length_mm):
    if np.hypot(x, y) < 100:
        with pytest.raises(InputError, match="px apart"):
            scale_from_ruler((5, 7), (5 + x, 7 + y), length_mm)
        return
    found = scale_from_ruler((5, 7), (5 + x, 7 + y), length_mm)
    assert found.mm_per_px == pytest.approx(length_mm / np.hypot(x, y))
    assert found.warning is None


def test_a_ruler_of_no_length_is_refused():
    with pytest.raises(InputError, match="a ruler of 0 mm"):
        scale_from_ruler((0, 0), (200, 0), 0)
