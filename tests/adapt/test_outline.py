from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lineproof.adapt.outline import outline
from lineproof.core import BoxMask

bitmaps = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def filled(polygon: np.ndarray, size_wh: tuple[int, int], zoom: int = 8) -> np.ndarray:
    """The polygon painted `zoom` times enlarged; pixel edges are then pixel corners of the picture."""
    canvas = np.zeros((size_wh[1] * zoom, size_wh[0] * zoom), np.uint8)
    corners = polygon * zoom
    inset = np.clip(corners - 0.5, 0, None)  # paint pixels whose centre lies inside
    cv2.fillPoly(canvas, [np.round(inset).astype(np.int32)], (1,))
    return canvas


@given(bitmaps, st.integers(0, 5), st.integers(0, 5))
@settings(deadline=None)
def test_the_outline_spans_the_box_of_the_mask(bitmap: np.ndarray, x: int, y: int):
    full = np.zeros((16, 16), np.bool_)
    full[y : y + bitmap.shape[0], x : x + bitmap.shape[1]] = bitmap
    mask = BoxMask.from_full(full)
    polygon = outline(mask)
    if mask.area_px == 0:
        assert polygon.shape == (0, 2)
        return
    assert (*polygon.min(axis=0), *polygon.max(axis=0)) == mask.xyxy


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (6, 1), (5, 4)])
def test_a_rectangle_becomes_its_four_pixel_edges(width: int, height: int):
    polygon = outline(BoxMask(3, 2, np.ones((height, width), np.bool_)))
    assert {tuple(p) for p in polygon} == {(3, 2), (3 + width, 2), (3, 2 + height), (3 + width, 2 + height)}


def test_the_filled_outline_is_the_mask_without_its_holes():
    bitmap = np.zeros((12, 12), np.bool_)
    bitmap[2:9, 1:7] = True
    bitmap[5:11, 5:10] = True
    polygon = outline(BoxMask(0, 0, bitmap))
    painted = cv2.resize(filled(polygon, (12, 12)), (12, 12), interpolation=cv2.INTER_AREA) > 0
    np.testing.assert_array_equal(painted, bitmap)


def test_two_parts_become_one_polygon_that_covers_both():
    bitmap = np.zeros((10, 20), np.bool_)
    bitmap[1:4, 1:5] = True
    bitmap[6:9, 12:18] = True
    painted = filled(outline(BoxMask(0, 0, bitmap)), (20, 10))
    inside = np.repeat(np.repeat(bitmap, 8, 0), 8, 1)
    assert painted[inside].mean() > 0.9
    assert painted[~inside].mean() < 0.05  # the bridge
