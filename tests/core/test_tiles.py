from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lineproof.core import BoxMask, Detections
from lineproof.core.tiles import MAX_TILES, Tile, Tiling, slice_boxes
from lineproof.errors import InputError

SIDES = st.integers(32, 200)


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    width, height = draw(SIDES), draw(SIDES)
    overlap = (draw(st.integers(0, width * 3 // 4)), draw(st.integers(0, height * 3 // 4)))
    return Tiling((width, height), overlap)


def truth(*boxes: tuple[float, ...], masks: tuple[BoxMask, ...] | None = None) -> Detections:
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes)), np.zeros(len(boxes)), masks)


@given(tilings(), st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=60)
def test_every_pixel_is_covered_by_tiles_that_stay_inside(tiling: Tiling, width: int, height: int):
    assume(np.prod(tiling.counts((width, height))) <= MAX_TILES)
    tiles = tiling.grid((width, height))
    seen = np.zeros((height, width), np.uint16)
    for tile in tiles:
        assert 0 <= tile.left < tile.right <= width
        assert 0 <= tile.top < tile.bottom <= height
        assert tile.wh == (min(tiling.slice_wh[0], width), min(tiling.slice_wh[1], height))
        tile.cut(seen)[...] += 1
    assert seen.min() == 1 or tiling.overlap_wh != (0, 0)
    assert seen.min() >= 1
    assert len(set(tiles)) == len(tiles) == np.prod(tiling.counts((width, height)))


@given(tilings(), st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=60)
def test_neighbours_share_at_least_the_overlap(tiling: Tiling, width: int, height: int):
    assume(np.prod(tiling.counts((width, height))) <= MAX_TILES)
    tiles = tiling.grid((width, height))
    for axis in (0, 1):
        spans = sorted({((t.left, t.right), (t.top, t.bottom))[axis] for t in tiles})
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= tiling.overlap_wh[axis]


@given(st.integers(0, 3000), st.integers(0, 3000), st.lists(st.integers(0, 500), min_size=4, max_size=4))
@settings(max_examples=60)
def test_frame_to_tile_and_back_is_exact(left: int, top: int, box: list[int]):
    """Whole pixels up to 2^24 are exact in float32; so are the halves and quarters a letterbox gives."""
    tile = Tile(left, top, left + 320, top + 320)
    mask = BoxMask(3, 4, np.ones((2, 2), np.bool_))
    found = truth(tuple(v / 4 for v in box), masks=(mask,))
    there = tile.to_frame(found)
    back = there.shift(-left, -top)
    np.testing.assert_array_equal(back.xyxy, found.xyxy)
    assert (back.masks[0].x, back.masks[0].y) == (3, 4)
    image = np.arange(4000 * 6, dtype=np.uint32).reshape(4000, 6)
    assert np.shares_memory(Tile(1, 50, 4, 90).cut(image), image)


def test_a_frame_smaller_than_a_tile_is_one_tile():
    assert Tiling.of((320, 320), 0.2).grid((200, 100)) == (Tile(0, 0, 200, 100),)
    assert Tiling.of((320, 320), 0.2).grid((200, 500)) == (Tile(0, 0, 200, 320), Tile(0, 180, 200, 500))


def test_the_last_tile_is_moved_inwards():
    lefts = [tile.left for tile in Tiling((100, 100), (20, 20)).grid((250, 100))]
    assert lefts == [0, 80, 150]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tiling.of((320, 320), 1.0), "overlap 1: expected a share"),
        (lambda: Tiling.of((320, 320), -0.1), "overlap -0.1"),
        (lambda: Tiling((320, 320), (320, 0)), "cannot overlap by 320 px"),
        (lambda: Tiling((16, 320), (0, 0)), "tiles of 16 px are too small"),
        (lambda: Tiling((320, 320), (0, 0), join=0), "join 0"),
    ],
)
def test_what_is_no_tiling_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_too_many_tiles_are_refused_before_any_is_made():
    side = 32 * (int(MAX_TILES**0.5) + 2)
    with pytest.raises(InputError, match=rf"would be 1089 tiles of 32×32, at most {MAX_TILES} – larger tiles"):
        Tiling((32, 32), (0, 0)).grid((side, side))
    with pytest.raises(InputError, match="at most"):
        Tiling((64, 64), (63, 63)).grid((4000, 4000))


def test_boxes_are_clipped_and_slivers_left_out():
    tile = Tile(100, 100, 200, 200)
    cut = slice_boxes(truth((110, 120, 130, 150), (90, 100, 110, 110), (0, 0, 101, 101), (0, 0, 50, 50)), tile, 0.3)
    assert cut.truth.xyxy.tolist() == [[10, 20, 30, 50], [0, 0, 10, 10]]
    assert cut.slivers == 1


def test_a_defect_larger_than_a_tile_is_measured_by_what_a_tile_can_show():
    tile = Tile(100, 100, 200, 200)
    along = slice_boxes(truth((0, 110, 1000, 120)), tile, 0.9)  # a tenth of the scratch, but all of it that fits
    assert along.truth.xyxy.tolist() == [[0, 10, 100, 20]]
    assert slice_boxes(truth((180, 110, 1000, 120)), tile, 0.5).slivers == 1


def test_the_box_of_a_clipped_mask_is_that_of_its_visible_part():
    diagonal = BoxMask(50, 50, np.eye(100, dtype=np.bool_))
    cut = slice_boxes(truth((50, 50, 150, 150), masks=(diagonal,)), Tile(100, 0, 300, 200), 0.2)
    assert cut.truth.xyxy.tolist() == [[0, 100, 50, 150]]
    assert cut.truth.masks[0].area_px == 50
    corner = slice_boxes(truth((50, 50, 150, 150), masks=(diagonal,)), Tile(100, 0, 300, 96), 0.2)
    assert (len(corner.truth), corner.slivers) == (0, 0)  # its box reaches in, not one pixel of it does


def test_a_whole_mask_keeps_the_box_it_was_annotated_with():
    mask = BoxMask(20, 20, np.ones((10, 10), np.bool_))
    cut = slice_boxes(truth((19.5, 19.5, 30.5, 30.5), masks=(mask,)), Tile(0, 0, 64, 64), 0.5)
    assert cut.truth.xyxy.tolist() == [[19.5, 19.5, 30.5, 30.5]]
