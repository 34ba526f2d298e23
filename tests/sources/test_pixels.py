from __future__ import annotations

import numpy as np
import pytest

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.pixels import FORMATS, channels_of, to_bgr

VALUE = {known.name: value for value, known in FORMATS.items()}
BGR = (200, 120, 40)


def mosaic(pattern: str, wh: tuple[int, int] = (12, 8)) -> np.ndarray:
    """What a sensor of one colour gives behind a filter, e.g. RGGB: the first two rows of it by two pixels."""
    value = {"B": BGR[0], "G": BGR[1], "R": BGR[2]}
    cell = np.array([[value[pattern[0]], value[pattern[1]]], [value[pattern[2]], value[pattern[3]]]], np.uint8)
    return np.tile(cell, (wh[1] // 2, wh[0] // 2)).reshape(-1)


@pytest.mark.parametrize(
    ("name", "pattern"), [("BayerRG8", "RGGB"), ("BayerBG8", "BGGR"), ("BayerGR8", "GRBG"), ("BayerGB8", "GBRG")]
)
def test_a_mosaic_of_one_colour_is_that_colour(name, pattern):
    image = to_bgr(mosaic(pattern), VALUE[name], (12, 8), "cam")
    assert image.shape == (8, 12, 3)
    assert (image == BGR).all()
    assert channels_of(VALUE[name]) == 1


@pytest.mark.parametrize(
    ("name", "order"), [("BGR8", (0, 1, 2)), ("RGB8", (2, 1, 0)), ("BGRa8", (0, 1, 2, 0)), ("RGBa8", (2, 1, 0, 0))]
)
def test_colours_keep_their_channels(name, order):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    image = to_bgr(pixels[..., order].reshape(-1), VALUE[name], (7, 5), "cam")
    assert (image == pixels).all()


def test_mono_is_expanded():
    grey = np.arange(35, dtype=np.uint8)
    image = to_bgr(grey, VALUE["Mono8"], (7, 5), "cam")
    assert (image == grey.reshape(5, 7, 1)).all()
    assert image.shape == (5, 7, 3)


@pytest.mark.parametrize(("name", "channels"), [("Mono8", 1), ("BGR8", 3), ("RGB8", 3)])
def test_padding_at_the_end_of_rows_is_left_out(name, channels):
    rows = np.zeros((5, 7 * channels + 4), np.uint8)
    rows[:, : 7 * channels] = 9
    assert (to_bgr(rows.reshape(-1), VALUE[name], (7, 5), "cam") == 9).all()


@pytest.mark.parametrize("name", VALUE)
def test_the_picture_is_ours_and_not_the_drivers(name):
    data = np.zeros(8 * 6 * 4, np.uint8)[: 8 * 6 * channels_of(VALUE[name])]
    image = to_bgr(data, VALUE[name], (8, 6), "cam")
    data[:] = 77
    assert not image[..., :3].any()
    assert image.flags.writeable


@pytest.mark.parametrize("size", [0, 104])
def test_too_few_bytes_are_an_incomplete_picture(size):
    with pytest.raises(ImageError, match=f"cam: incomplete: {size} bytes for a BGR8 picture of 7×5"):
        to_bgr(np.zeros(size, np.uint8), VALUE["BGR8"], (7, 5), "cam")


def test_deeper_pixels_are_refused_by_name():
    with pytest.raises(
        SourceLost, match="cam: pixel format 0x01100005 is not supported – set pixel_format to one of Mono8"
    ):
        to_bgr(np.zeros(70, np.uint8), 0x01100005, (7, 5), "cam")  # Mono12
