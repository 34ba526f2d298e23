"""Run lengths: against a slow reference, both ways, and damaged ones refused."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lineproof.core import BoxMask
from lineproof.data.formats.rle import counts_to_mask, counts_to_string, mask_to_counts, string_to_counts

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def reference_counts(mask: np.ndarray) -> list[int]:
    """Pixel by pixel, column by column."""
    counts, value = [0], False
    for pixel in mask.ravel(order="F").tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


@given(masks)
def test_counts_are_those_of_a_pixel_by_pixel_walk_and_back(mask: np.ndarray) -> None:
    size_wh = (mask.shape[1], mask.shape[0])
    counts = mask_to_counts(BoxMask.from_full(mask), size_wh)
    assert counts.tolist() == reference_counts(mask)
    back = counts_to_mask(counts, size_wh)
    assert np.array_equal(back.full(size_wh), mask)
    assert back.xyxy == BoxMask.from_full(mask).xyxy


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=40))
def test_the_compact_string_keeps_every_count(counts: list[int]) -> None:
    assert string_to_counts(counts_to_string(np.array(counts, np.int64))).tolist() == counts


@given(masks)
def test_strings_are_those_of_the_coco_library(mask: np.ndarray) -> None:
    library = pytest.importorskip("faster_coco_eval.core.mask")
    theirs = library.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    theirs = theirs.decode() if isinstance(theirs, bytes) else theirs
    assert counts_to_string(mask_to_counts(BoxMask.from_full(mask), (mask.shape[1], mask.shape[0]))) == theirs


def test_a_known_string() -> None:
    mask = BoxMask(1, 1, np.ones((2, 3), np.bool_))  # three columns of two pixels in a 5×5 image
    counts = mask_to_counts(mask, (5, 5))
    assert counts.tolist() == [6, 2, 3, 2, 3, 2, 7]
    assert counts_to_string(counts) == "6230004"


def test_counts_may_hold_empty_runs() -> None:
    assert counts_to_mask([0, 2, 0, 1, 1], (2, 2)).full((2, 2)).tolist() == [[True, True], [True, False]]


def test_a_mask_beyond_the_image_is_cut() -> None:
    counts = mask_to_counts(BoxMask(-1, 1, np.ones((3, 3), np.bool_)), (4, 3))
    assert counts_to_mask(counts, (4, 3)).xyxy == (0, 1, 2, 3)
    assert mask_to_counts(BoxMask(9, 9, np.ones((3, 3), np.bool_)), (4, 3)).tolist() == [12]


@pytest.mark.parametrize(
    ("counts", "message"), [([3], "cover 3 pixels"), ([5, -1], "0 or more"), ([[4]], "a list of numbers")]
)
def test_counts_that_do_not_fit_the_image_are_refused(counts: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        counts_to_mask(counts, (2, 2))


@given(st.text(max_size=30))
def test_any_text_is_decoded_or_refused_by_value_error(text: str) -> None:
    with suppress(ValueError):
        counts_to_mask(string_to_counts(text), (6, 5))
