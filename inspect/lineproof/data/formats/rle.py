"""COCO run lengths: a mask as counts of 0s and 1s in turn, column by column, as a list or as COCO's compact string."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask

Counts = NDArray[np.int64]

# Seven characters of five bits hold 2**34 pixels; a longer one is not a run length.
_MAX_CHARS_PER_COUNT = 7


def mask_to_counts(mask: BoxMask, image_wh: tuple[int, int]) -> Counts:
    """Run lengths of a mask painted on an image, starting with the 0s; what lies outside the image is cut."""
    width, height = image_wh
    x0, y0, x1, y1 = mask.xyxy
    left, right, top, bottom = max(x0, 0), min(x1, width), max(y0, 0), min(y1, height)
    total = width * height
    if left >= right or top >= bottom:
        return np.array([total], np.int64)
    columns = np.zeros((right - left, height), np.bool_)  # only the columns of the box: a full frame can be 12 MB
    columns[:, top:bottom] = mask.bitmap[top - y0 : bottom - y0, left - x0 : right - x0].T
    flat = np.concatenate([[False], columns.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + left * height
    counts = np.diff(np.concatenate([[0], edges, [total]]))
    return counts[:-1] if counts[-1] == 0 else counts


def counts_to_mask(counts: Sequence[int] | Counts, image_wh: tuple[int, int]) -> BoxMask:
    """The mask of run lengths, cropped to its pixels; raises ValueError when they do not cover the image exactly."""
    width, height = image_wh
    runs = np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any():
        raise ValueError("run lengths: expected a list of numbers of 0 or more")
    if int(runs.sum()) != width * height:
        raise ValueError(f"run lengths cover {int(runs.sum())} pixels, the image {width}×{height} has {width * height}")
    ends = np.cumsum(runs)
    starts, stops = (ends - runs)[1::2], ends[1::2]
    filled = stops > starts
    if not filled.any():
        return BoxMask(0, 0, np.zeros((0, 0), np.bool_))
    left = int(starts[filled][0]) // height
    right = (int(stops[filled][-1]) - 1) // height + 1
    first, last = np.searchsorted(ends, [left * height, right * height])
    inside = np.diff(np.clip(np.concatenate([[0], ends[first : last + 1]]), left * height, right * height))
    values = np.arange(first, first + len(inside)) % 2 == 1
    columns = np.repeat(values, inside).reshape(right - left, height)
    cropped = BoxMask.from_full(columns.T)
    return cropped.shift(left, 0)


def counts_to_string(counts: Counts) -> str:
    """COCO's compact form: from the fourth count on the difference to the one before last, five bits a character."""
    deltas = np.asarray(counts, np.int64).copy()
    deltas[3:] -= np.asarray(counts, np.int64)[1:-2]
    characters: list[str] = []
    for delta in deltas.tolist():
        rest, more = int(delta), True
        while more:
            bits, rest = rest & 31, rest >> 5
            more = rest != (-1 if bits & 16 else 0)
            characters.append(chr(bits + (32 if more else 0) + 48))
    return "".join(characters)


def string_to_counts(text: str) -> Counts:
    """Run lengths of COCO's compact form; raises ValueError when it is not one."""
    if not text.isascii():
        raise ValueError("compressed run lengths: not ASCII")
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("compressed run lengths: damaged text")
    last = np.flatnonzero((codes & 32) == 0)  # the closing character of each count
    first = np.concatenate([[0], last[:-1] + 1])
    length = last - first + 1
    if length.max() > _MAX_CHARS_PER_COUNT:
        raise ValueError("compressed run lengths: a count is too large")
    place = np.arange(codes.size) - np.repeat(first, length)
    values = np.add.reduceat((codes & 31) << (5 * place), first)
    values -= np.where(codes[last] & 16, np.int64(1) << (5 * length), 0)  # the sign bit of the closing character
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
