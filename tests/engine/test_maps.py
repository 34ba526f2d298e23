from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.engine.maps import Level, coefficients_at, find_in_maps
from lineproof.errors import EngineError

BINS = 16


def level(stride: int, width: int, height: int, *, classes: int = 2, planes: int = 3) -> Level:
    """Nothing found anywhere: every logit is −9."""
    return Level(
        stride,
        np.zeros((4 * BINS, height, width), np.float32),
        np.full((classes, height, width), -9, np.float32),
        np.zeros((planes, height, width), np.float32),
    )


def put(at: Level, x: int, y: int, class_id: int, logit: float, sides: tuple[int, int, int, int]) -> None:
    """A cell that is sure of its distances, given in whole cells."""
    at.logits[class_id, y, x] = logit
    at.sides[:, y, x] = 0
    for side, cells in enumerate(sides):
        at.sides[side * BINS + cells, y, x] = 60


def test_a_box_is_its_cell_and_its_four_distances():
    coarse = level(16, 4, 3)
    put(coarse, 2, 1, 1, 2.0, (1, 0, 2, 1))
    found = find_in_maps([level(8, 8, 6), coarse], 0.5)
    np.testing.assert_allclose(found.xyxy, [[(2.5 - 1) * 16, 1.5 * 16, (2.5 + 2) * 16, (1.5 + 1) * 16]], atol=1e-4)
    np.testing.assert_allclose(found.score, [1 / (1 + np.exp(-2.0))], rtol=1e-6)
    assert found.class_id.tolist() == [1]
    assert found.anchor.tolist() == [48 + 1 * 4 + 2]


def test_every_class_of_a_cell_is_kept():
    only = level(8, 4, 4)
    put(only, 0, 0, 0, 1.0, (0, 0, 1, 1))
    put(only, 0, 0, 1, 3.0, (0, 0, 1, 1))
    assert sorted(find_in_maps([only], 0.5).class_id.tolist()) == [0, 1]


@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.98))
def test_survivors_are_those_of_decoding_everything(seed, floor):
    rng = np.random.default_rng(seed)
    levels = [
        Level(s, *(rng.normal(0, 3, (n, 12 // k, 16 // k)).astype(np.float32) for n in (4 * BINS, 2)))
        for k, s in ((1, 8), (2, 16), (4, 32))
    ]
    found = find_in_maps(levels, floor)
    boxes, scores = everything(levels)
    anchor, class_id = np.nonzero(scores > floor)
    order, expected = np.lexsort((found.class_id, found.anchor)), np.lexsort((class_id, anchor))
    assert found.anchor[order].tolist() == anchor[expected].tolist()
    np.testing.assert_allclose(found.xyxy[order], boxes[anchor[expected]], atol=1e-3)
    np.testing.assert_allclose(found.score[order], scores[anchor, class_id][expected], atol=1e-6)


def everything(levels: list[Level]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `(A, 4)` and scores `(A, classes)` of all cells, written out the long way."""
    boxes, scores = [], []
    for one in levels:
        _, height, width = one.logits.shape
        for y in range(height):
            for x in range(width):
                weights = np.exp(one.sides[:, y, x].astype(np.float64).reshape(4, BINS))
                left, top, right, bottom = (weights * np.arange(BINS)).sum(1) / weights.sum(1)
                boxes.append([x + 0.5 - left, y + 0.5 - top, x + 0.5 + right, y + 0.5 + bottom])
                boxes[-1] = [one.stride * edge for edge in boxes[-1]]
                scores.append(1 / (1 + np.exp(-one.logits[:, y, x].astype(np.float64))))
    return np.array(boxes), np.array(scores)


def test_coefficients_are_found_by_the_same_numbers():
    levels = [level(8, 4, 2), level(16, 2, 1)]
    for first, one in zip((0, 8), levels, strict=True):
        one.coefficients[...] = first + np.arange(one.logits[0].size).reshape(one.logits[0].shape)
    anchors = np.array([9, 0, 7, 8])
    np.testing.assert_array_equal(coefficients_at(levels, anchors), np.repeat(anchors[:, None], 3, 1))
    assert coefficients_at(levels, np.array([], np.intp)).shape == (0, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_is_an_error_wherever_it_is(bad):
    levels = [level(8, 8, 6), level(16, 4, 3)]
    levels[1].logits[1, 2, 3] = bad
    with pytest.raises(EngineError, match="scores that are not finite"):
        find_in_maps(levels, 0.5)


def test_a_survivors_box_that_is_no_number_is_an_error():
    only = level(8, 4, 4)
    put(only, 1, 1, 0, 2.0, (1, 1, 1, 1))
    only.sides[5, 1, 1] = np.nan
    with pytest.raises(EngineError, match="boxes that are not finite"):
        find_in_maps([only], 0.5)


def test_half_precision_is_read_as_it_is():
    only = level(8, 4, 4)
    put(only, 3, 2, 1, 1.5, (1, 1, 1, 1))
    half = Level(8, only.sides.astype(np.float16), only.logits.astype(np.float16), None)
    np.testing.assert_allclose(find_in_maps([half], 0.5).xyxy, find_in_maps([only], 0.5).xyxy, atol=1e-2)


@pytest.mark.parametrize(("floor", "count"), [(0.0, 2 * 16), (1.0, 0)])
def test_a_floor_at_either_end_keeps_all_or_nothing(floor, count):
    assert len(find_in_maps([level(8, 4, 4)], floor)) == count
