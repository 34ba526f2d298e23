from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from lineproof.core import BoxMask, Detections
from lineproof.core.boxes import box_area, box_iou, clip_boxes
from lineproof.core.masks import mask_iou


def test_filtering_keeps_all_columns_together():
    found = detections((0, 0, 4, 4, 0.9, 0), (1, 1, 3, 3, 0.2, 1), masks=True)
    sure = found[found.score > 0.5]
    assert len(sure) == 1
    assert sure.class_id.tolist() == [0]
    assert sure.masks is not None
    assert sure.masks[0].area_px == 16


def test_columns_are_frozen():
    with pytest.raises(ValueError, match="read-only"):
        detections((0, 0, 1, 1, 1, 0)).score[0] = 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((np.zeros((2, 3)), np.zeros(2), np.zeros(2)), r"xyxy: expected \(n, 4\), got \(2, 3\)"),
        ((np.zeros((2, 4)), np.zeros(3), np.zeros(2)), r"score: expected \(2,\), got \(3,\)"),
        ((np.zeros((2, 4)), np.zeros(2), np.zeros((2, 1))), r"class_id: expected \(2,\), got \(2, 1\)"),
    ],
)
def test_wrong_shapes_say_expected_and_got(columns, message):
    with pytest.raises(ValueError, match=message):
        Detections(*columns)


def test_masks_must_match_in_number():
    with pytest.raises(ValueError, match="masks: expected 1, got 0"):
        Detections(np.zeros((1, 4)), np.zeros(1), np.zeros(1), ())


def test_empty_is_0_by_4():
    assert Detections.empty().xyxy.shape == (0, 4)
    assert Detections.concat([]).xyxy.shape == (0, 4)


def test_concat_keeps_masks_only_when_all_have_them():
    with_masks, without = detections((0, 0, 2, 2, 1, 0), masks=True), detections((0, 0, 2, 2, 1, 0))
    assert Detections.concat([with_masks, with_masks]).masks is not None
    assert Detections.concat([with_masks, without]).masks is None


def test_area_is_of_the_mask_where_there_is_one():
    assert detections((0, 0, 4, 2, 1, 0)).area_px.tolist() == [8]
    hole = Detections([[0, 0, 4, 2]], [1], [0], (BoxMask(0, 0, np.array([[True, False]])),))
    assert hole.area_px.tolist() == [1]


coordinate = st.integers(-40, 140)


@given(st.tuples(coordinate, coordinate, st.integers(1, 60), st.integers(1, 60)))
def test_a_mask_survives_the_full_frame_where_it_lies_inside(box):
    x, y, width, height = box
    mask = BoxMask(x, y, np.ones((height, width), np.bool_))
    inside = max(0, min(x + width, 100) - max(x, 0)) * max(0, min(y + height, 80) - max(y, 0))
    assert mask.full((100, 80)).sum() == inside
    assert BoxMask.from_full(mask.full((100, 80))).area_px == inside


@given(st.lists(st.tuples(coordinate, coordinate, st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5))
def test_mask_iou_of_filled_boxes_is_box_iou(boxes):
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32)
    masks = [BoxMask(x, y, np.ones((h, w), np.bool_)) for x, y, w, h in boxes]
    table = box_iou(xyxy, xyxy)
    for i, a in enumerate(masks):
        for j, b in enumerate(masks):
            assert mask_iou(a, b) == pytest.approx(float(table[i, j]), abs=1e-5)


def test_polygons_outline_the_bitmap_in_frame_pixels():
    bitmap = np.zeros((30, 40), np.uint8)
    bitmap[5:20, 8:30] = 1
    bitmap[25:27, 2:4] = 1
    large, small = BoxMask.from_full(bitmap).polygons()
    assert (large.min(axis=0).tolist(), large.max(axis=0).tolist()) == ([8, 5], [29, 19])
    assert small.tolist() == [[2, 25], [2, 26], [3, 26], [3, 25]]


def test_boxes_are_clipped_and_inverted_boxes_have_no_area():
    assert clip_boxes(np.array([[-5, -5, 200, 50]], np.float32), (100, 80)).tolist() == [[0, 0, 100, 50]]
    assert box_area(np.array([[10, 10, 5, 20]], np.float32)).tolist() == [0]
