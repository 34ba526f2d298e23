from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.engine.letterbox import Fit, Letterbox

sides = st.integers(1, 8192)
input_sides = st.integers(1, 40).map(lambda n: 32 * n)
fractions = st.lists(st.floats(0, 1), min_size=4, max_size=4)


@given(sides, sides, input_sides, input_sides, fractions, st.booleans())
def test_undo_is_the_exact_inverse(width, height, input_w, input_h, where, dynamic):
    fit = (Fit.within if dynamic else Fit.between)((width, height), (input_w, input_h))
    box = np.array([where]) * [width, height, width, height]
    back = fit.undo(fit.apply(box).astype(np.float32))
    # float32 between the two, as in the engine: one part in 2^24 of an input coordinate, seen through the gain
    allowed = 1e-3 + max(fit.input_wh) * 2.0**-24 / min(fit.gain_xy)
    assert np.abs(back - box).max() <= allowed
    assert np.abs(fit.undo(fit.apply(box)) - box).max() <= 1e-6


@given(sides, sides, input_sides, input_sides, st.booleans())
def test_the_copy_lies_inside_the_input_and_is_centred(width, height, input_w, input_h, dynamic):
    fit = (Fit.within if dynamic else Fit.between)((width, height), (input_w, input_h))
    right = fit.input_wh[0] - fit.left - fit.scaled_wh[0]
    below = fit.input_wh[1] - fit.top - fit.scaled_wh[1]
    assert min(fit.left, fit.top) >= 0
    assert right - fit.left in (0, 1)
    assert below - fit.top in (0, 1)
    if dynamic:
        assert fit.input_wh[0] % 32 == fit.input_wh[1] % 32 == 0
        assert fit.input_wh[0] <= input_w
        assert fit.input_wh[1] <= input_h
    else:
        assert fit.input_wh == (input_w, input_h)


@given(sides, sides, input_sides, input_sides, st.booleans())
def test_corners_of_the_frame_are_the_corners_of_its_copy(width, height, input_w, input_h, dynamic):
    fit = (Fit.within if dynamic else Fit.between)((width, height), (input_w, input_h))
    corners = fit.apply(np.array([[0, 0, width, height]]))[0]
    expected = [fit.left, fit.top, fit.left + fit.scaled_wh[0], fit.top + fit.scaled_wh[1]]
    np.testing.assert_allclose(corners, expected, atol=1e-6)


def test_full_hd_fits_as_everyone_knows_it():
    fit = Fit.between((1920, 1080), (640, 640))
    assert (fit.scaled_wh, fit.left, fit.top) == ((640, 360), 0, 140)
    assert Fit.within((1920, 1080), (640, 640)).input_wh == (640, 384)


def test_pixels_are_copied_without_shift_or_recolouring():
    image = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    canvas, fit = Letterbox((64, 64), dynamic=False, pad_value=114).fill(image)
    scaled = cv2.resize(image, fit.scaled_wh, interpolation=cv2.INTER_LINEAR)
    expected = np.full((64, 64, 3), 114, np.uint8)
    expected[fit.top : fit.top + fit.scaled_wh[1], fit.left : fit.left + fit.scaled_wh[0]] = scaled
    np.testing.assert_array_equal(canvas[0], expected)


def test_an_image_of_the_right_size_is_taken_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    canvas, _ = Letterbox((64, 64), dynamic=False, pad_value=114).fill(image)
    np.testing.assert_array_equal(canvas[0], image)


@pytest.mark.parametrize("dynamic", [False, True])
def test_another_frame_size_leaves_no_trace_of_the_last_one(dynamic):
    letterbox = Letterbox((64, 64), dynamic=dynamic, pad_value=114)
    wide, tall = np.zeros((20, 60, 3), np.uint8), np.full((60, 20, 3), 255, np.uint8)
    letterbox.fill(wide)
    again, _ = letterbox.fill(tall)
    fresh, _ = Letterbox((64, 64), dynamic=dynamic, pad_value=114).fill(tall)
    np.testing.assert_array_equal(again, fresh)


def test_the_buffer_is_reused_while_the_frame_size_stays():
    letterbox = Letterbox((64, 64), dynamic=False, pad_value=114)
    first, _ = letterbox.fill(np.zeros((20, 60, 3), np.uint8))
    second, _ = letterbox.fill(np.ones((20, 60, 3), np.uint8))
    assert first is second


def grey(width: int, height: int) -> np.ndarray:
    """What a mono camera gives: one plane, three times."""
    plane = np.random.default_rng(1).integers(0, 256, (height, width, 1), dtype=np.uint8)
    return np.repeat(plane, 3, axis=2)


@pytest.mark.parametrize("size", [(64, 64), (50, 30), (200, 130)])
def test_a_mono_model_sees_the_plane_of_a_mono_camera(size):
    image = grey(*size)
    canvas, fit = Letterbox((64, 64), dynamic=False, pad_value=114, channels=1).fill(image)
    colour, _ = Letterbox((64, 64), dynamic=False, pad_value=114).fill(image)
    assert canvas.shape == (1, 64, 64, 1)
    np.testing.assert_array_equal(canvas[..., 0], colour[..., 1])
    assert fit.source_wh == size


def test_a_mono_model_sees_the_luminance_of_a_colour_camera():
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 2] = 255
    canvas, _ = Letterbox((64, 64), dynamic=False, pad_value=114, channels=1).fill(red)
    assert np.unique(canvas).tolist() == [76]  # 0.299 × 255


def test_each_place_of_a_batch_is_painted_by_its_own_letterbox():
    batch = np.empty((2, 64, 64, 3), np.uint8)
    places = [Letterbox((64, 64), dynamic=False, pad_value=9, canvas=batch[n : n + 1]) for n in range(2)]
    for n, place in enumerate(places):
        place.fill(np.full((32, 64, 3), 100 + n, np.uint8))
    assert [np.unique(one).tolist() for one in batch] == [[9, 100], [9, 101]]
