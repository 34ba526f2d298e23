"""Outlines to pixels: exact areas, unions, hair-thin ones, cuts at the image's edge."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.data.formats.polygons import polygon_box, polygons_to_mask

WH = (12, 10)


def rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


@given(st.integers(0, 11), st.integers(0, 9), st.integers(1, 12), st.integers(1, 10))
def test_a_rectangle_on_the_pixel_grid_has_exactly_its_pixels(x: int, y: int, w: int, h: int) -> None:
    x2, y2 = min(x + w, WH[0]), min(y + h, WH[1])
    mask = polygons_to_mask([rectangle(x, y, x2, y2)], WH)
    assert mask.xyxy == (x, y, x2, y2)
    assert mask.area_px == (x2 - x) * (y2 - y)


point = st.tuples(st.floats(-4, 16), st.floats(-4, 14))


@settings(max_examples=60, deadline=None)
@given(st.lists(point, min_size=3, max_size=8))
def test_pixels_are_those_whose_centre_lies_inside(points: list[tuple[float, float]]) -> None:
    polygon = np.array(points, np.float64)
    mask = polygons_to_mask([polygon], WH).full(WH)
    inside = np.array([[_inside(polygon, x + 0.5, y + 0.5) for x in range(WH[0])] for y in range(WH[1])])
    if inside.any():
        assert np.array_equal(mask, inside)


def _inside(polygon: np.ndarray, x: float, y: float) -> bool:
    """Even-odd by the edges to the left of the centre."""
    odd = False
    for (xa, ya), (xb, yb) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if (ya <= y) != (yb <= y) and xa + (y - ya) * ((xb - xa) / (yb - ya)) <= x:
            odd = not odd
    return odd


def test_overlapping_polygons_are_united_not_cut_out() -> None:
    mask = polygons_to_mask([rectangle(0, 0, 6, 6), rectangle(3, 3, 9, 9)], WH)
    assert mask.area_px == 36 + 36 - 9


def test_a_scratch_thinner_than_a_pixel_does_not_vanish() -> None:
    mask = polygons_to_mask([np.array([[2.1, 3.1], [10.1, 3.2], [10.1, 3.3]])], WH)
    assert mask.area_px == 9
    assert mask.xyxy == (2, 3, 11, 4)


def test_what_lies_outside_the_image_is_cut_and_wholly_outside_is_empty() -> None:
    assert polygons_to_mask([rectangle(-5, -5, 3, 2)], WH).xyxy == (0, 0, 3, 2)
    assert polygons_to_mask([rectangle(30, 30, 40, 40)], WH).area_px == 0


def test_the_box_of_several_polygons_holds_them_all() -> None:
    assert polygon_box([rectangle(1, 2, 3, 4), rectangle(8, 1, 9, 3)]) == (1, 1, 9, 4)
