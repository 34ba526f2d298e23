from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.core import BoxMask, Detections
from lineproof.core.boxes import box_iou
from lineproof.core.tile_merge import merge_tiles
from lineproof.core.tiles import Tile, Tiling, slice_boxes

TILING = Tiling((100, 80), (30, 26))
WH = (333, 257)
NMS = 0.6


def detections(boxes, *, score=None, class_id=None, masks=None) -> Detections:
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(boxes)
    return Detections(
        boxes, np.ones(count) if score is None else score, np.zeros(count) if class_id is None else class_id, masks
    )


def perfect(truth: Detections, tile: Tile) -> Detections:
    """What a detector that errs nowhere finds on a tile: every visible piece, in frame pixels."""
    return tile.to_frame(slice_boxes(truth, tile, 0.0).truth)


def merged(truth: Detections, tiling: Tiling = TILING, wh=WH) -> Detections:
    tiles = tiling.grid(wh)
    return merge_tiles([perfect(truth, tile) for tile in tiles], tiles, tiling, NMS)


def as_rows(found: Detections) -> list[tuple[float, ...]]:
    return sorted(
        (*box, float(s), int(c)) for box, s, c in zip(found.xyxy.tolist(), found.score, found.class_id, strict=True)
    )


@st.composite
def small_truths(draw: st.DrawFn) -> Detections:
    """Boxes small enough to be whole, and clear of the edges, on at least one tile; nested and crossing ones too."""
    most = [int(overlap - 2 * near) for overlap, near in zip(TILING.overlap_wh, TILING.edge_px, strict=True)]
    boxes, ids = [], []
    for _ in range(draw(st.integers(0, 12))):
        width, height = draw(st.integers(1, most[0])), draw(st.integers(1, most[1]))
        x, y = draw(st.integers(0, WH[0] - width)), draw(st.integers(0, WH[1] - height))
        box, class_id = (x, y, x + width, y + height), draw(st.integers(0, 1))
        others = np.array([b for b, c in zip(boxes, ids, strict=True) if c == class_id], np.float32).reshape(-1, 4)
        if not (box_iou(np.array([box], np.float32), others) > NMS).any():
            boxes.append(box)
            ids.append(class_id)
    scores = [draw(st.integers(1, 100)) / 100 for _ in boxes]
    return detections(boxes, score=scores, class_id=ids)


@given(small_truths())
@settings(max_examples=80)
def test_perfect_tiles_give_exactly_the_truth(truth: Detections):
    """As long as the scores of nested defects do not mix: a piece never lends its score to another defect's box."""
    found = merged(truth)
    assert sorted(found.xyxy.tolist()) == sorted(truth.xyxy.tolist())


@given(small_truths(), st.randoms(use_true_random=False))
def test_neither_the_order_of_tiles_nor_that_on_them_matters(truth: Detections, random):
    tiles = list(TILING.grid(WH))
    found = [perfect(truth, tile) for tile in tiles]
    first = merge_tiles(found, tiles, TILING, NMS)
    order = list(range(len(tiles)))
    random.shuffle(order)
    shuffled = []
    for index in order:
        rows = list(range(len(found[index])))
        random.shuffle(rows)
        shuffled.append(found[index][rows])
    again = merge_tiles(shuffled, [tiles[i] for i in order], TILING, NMS)
    np.testing.assert_array_equal(first.xyxy, again.xyxy)
    np.testing.assert_array_equal(first.score, again.score)
    np.testing.assert_array_equal(first.class_id, again.class_id)


def _given_out(found: Detections, tiles: tuple[Tile, ...]) -> list[list[int]]:
    spans = np.array([tile.xyxy for tile in tiles])
    inside = (found.xyxy[None] - spans[:, None]) * [1, 1, -1, -1]  # (tiles, boxes, edges): how far within
    inside[(spans == [0, 0, *WH])[:, None] & (inside >= 0)] = np.inf
    best = inside.min(axis=2).argmax(axis=0)
    return [np.flatnonzero(best == tile).tolist() for tile in range(len(tiles))]


@given(small_truths())
def test_what_was_merged_stays_as_it_is(truth: Detections):
    """Given out to the tiles again, each box to the one whose inner edges are farthest from it, the answer is the same."""
    once = merged(truth)
    tiles = TILING.grid(WH)
    given_out = [once[rows] for rows in _given_out(once, tiles)]
    assert as_rows(merge_tiles(given_out, tiles, TILING, NMS)) == as_rows(once)
    whole = (Tile(0, 0, *WH),)
    assert as_rows(merge_tiles([once], whole, TILING, NMS)) == as_rows(once)


@given(st.integers(0, 200), st.integers(0, 150), st.integers(40, 333), st.integers(3, 257))
@settings(max_examples=80)
def test_a_defect_larger_than_a_tile_comes_out_as_one_box(x: int, y: int, width: int, height: int):
    box = (x, y, min(x + width, WH[0]), min(y + height, WH[1]))
    assert merged(detections([box])).xyxy.tolist() == [list(map(float, box))]


@pytest.mark.parametrize("overlap", [0, 1, 20])
def test_even_tiles_that_hardly_overlap_join_a_defect(overlap: int):
    tiling = Tiling((100, 80), (overlap, overlap))
    assert merged(detections([(10, 20, 310, 30)]), tiling).xyxy.tolist() == [[10, 20, 310, 30]]


def test_masks_of_pieces_are_united():
    mask = BoxMask(10, 10, np.eye(220, 300, dtype=np.bool_))
    truth = detections([(10, 10, 230, 230)], masks=(mask,))
    found = merged(truth)
    assert found.xyxy.tolist() == [[10, 10, 230, 230]]
    np.testing.assert_array_equal(found.masks[0].full(WH), mask.full(WH))
    assert found.area_px.tolist() == [220]


def test_a_slanting_scratch_is_one_although_its_boxes_meet_in_a_corner_only():
    tiling = Tiling((100, 400), (20, 20))
    tiles = tiling.grid((180, 300))
    first, second = detections([(20, 0, 100, 160)]), detections([(80, 120, 180, 300)])
    assert merge_tiles([first, second], tiles, tiling, NMS).xyxy.tolist() == [[20, 0, 180, 300]]


def test_two_scratches_side_by_side_stay_two():
    truth = detections([(10, 20, 300, 26), (10, 28, 300, 34)])
    assert sorted(merged(truth).xyxy.tolist()) == sorted(truth.xyxy.tolist())


def test_a_small_defect_inside_a_large_ones_box_is_not_swallowed():
    """Merging by intersection over smaller alone would lose it."""
    truth = detections([(10, 10, 300, 200), (120, 100, 130, 108)])
    assert sorted(merged(truth).xyxy.tolist()) == sorted(truth.xyxy.tolist())


def test_classes_are_never_joined():
    truth = detections([(10, 20, 300, 30), (12, 20, 290, 30)], class_id=[0, 1])
    assert as_rows(merged(truth)) == as_rows(truth)


TWO = (Tile(0, 0, 100, 80), Tile(70, 0, 170, 80))


def test_the_surer_half_lends_its_score_to_the_whole():
    cut, whole = detections([(80, 10, 100, 30)], score=[0.9]), detections([(80, 10, 120, 30)], score=[0.5])
    (found,) = as_rows(merge_tiles([cut, whole], TWO, TILING, NMS))
    assert found[:4] == (80, 10, 120, 30)
    assert found[4] == pytest.approx(0.9)


def test_noise_neither_stretches_nor_replaces_a_sure_defect():
    sure, noise = detections([(20, 10, 100, 30)], score=[0.9]), detections([(70, 10, 170, 30)], score=[0.05])
    found = merge_tiles([sure, noise], TWO, TILING, NMS)
    assert found.xyxy.tolist() == [[20, 10, 100, 30], [70, 10, 170, 30]]
    spot, weak = detections([(80, 10, 100, 30)], score=[0.9]), detections([(78, 10, 120, 30)], score=[0.05])
    assert merge_tiles([spot, weak], TWO, TILING, NMS).score.tolist() == pytest.approx([0.9, 0.05])


def test_one_defect_seen_whole_twice_is_the_surer_one():
    a, b = detections([(75, 10, 90, 30)], score=[0.6]), detections([(76, 10, 91, 30)], score=[0.8])
    assert merge_tiles([a, b], TWO, TILING, NMS).xyxy.tolist() == [[76, 10, 91, 30]]


def test_within_one_tile_nothing_is_merged():
    """The engine has suppressed there; what it left are two."""
    two = detections([(10, 10, 40, 40), (12, 10, 42, 40)])
    found = merge_tiles([two, Detections.empty()], TWO, TILING, NMS)
    assert len(found) == 2


def test_nothing_found_is_nothing_with_masks_when_there_are_masks():
    empty = Detections.empty(with_masks=True)
    assert merge_tiles([empty, empty], TWO, TILING, NMS).masks == ()
