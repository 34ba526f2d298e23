from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import image
from camera_scene import seen
from lineproof.watch.faulted import defocused, half_lit
from lineproof.watch.measures import glimpse, measure


@pytest.mark.parametrize(
    ("wh", "grey_hw", "crop_hw"),
    [
        ((1280, 960), (120, 160), (256, 256)),
        ((2448, 2048), (134, 160), (256, 256)),
        ((200, 200), (160, 160), (200, 200)),
        ((64, 48), (48, 64), (48, 64)),
        ((1, 1), (1, 1), (1, 1)),
        ((4000, 3), (1, 160), (3, 256)),
    ],
)
def test_any_picture_is_reduced_and_measured(wh, grey_hw, crop_hw):
    kept = glimpse(image(*wh))
    assert (kept.grey.shape, kept.crop.shape, kept.wh) == (grey_hw, crop_hw, wh)
    assert measure(kept).mean == 128


@pytest.mark.parametrize(
    ("grey", "mean", "saturated", "dark"),
    [(0, 0, 0, 1), (5, 5, 0, 1), (128, 128, 0, 0), (250, 250, 1, 0), (255, 255, 1, 0)],
)
def test_a_flat_picture(grey, mean, saturated, dark):
    found = measure(glimpse(image(320, 240, grey)))
    assert (found.mean, found.p1, found.p99, found.contrast) == (mean, mean, mean, 0)
    assert (found.saturated, found.dark) == (saturated, dark)
    assert (found.left_right, found.top_bottom) == (1, 1)


def test_percentiles_of_a_known_picture():
    pixels = image(100, 100, 100)
    pixels[:3] = 10  # 3 %
    pixels[-3:] = 240
    found = measure(glimpse(pixels))
    assert (found.p1, found.p99) == (10, 240)
    assert found.mean == pytest.approx(94 + 0.3 + 7.2)


@pytest.mark.parametrize(
    ("side", "name", "less"),
    [
        ("left", "left_right", True),
        ("right", "left_right", False),
        ("top", "top_bottom", True),
        ("bottom", "top_bottom", False),
    ],
)
def test_the_side_without_light_is_told(side, name, less):
    ratio = getattr(measure(glimpse(half_lit(side)(seen(1)))), name)
    assert ratio < 0.4 if less else ratio > 2.5


def test_every_blur_is_less_sharp_whatever_the_light():
    sharp = [measure(glimpse(defocused(sigma)(seen(1)))) for sigma in (0.3, 1, 2, 4)]
    fine = [m.sharpness_fine for m in sharp]
    coarse = [m.sharpness_coarse for m in sharp]
    assert fine == sorted(fine, reverse=True)
    assert fine[0] > 3 * fine[-1]
    assert coarse[1] > coarse[2] > coarse[3]
    dim = measure(glimpse(seen(1, light=0.5)))
    assert dim.sharpness_fine == pytest.approx(sharp[0].sharpness_fine, rel=0.15)


def test_noise_of_the_sensor_does_not_look_sharp_to_the_coarse_measure():
    noise = np.random.default_rng(0).normal(0, 3, (240, 320, 1))
    blurred = np.clip(defocused(4)(seen(1)) + noise, 0, 255).astype(np.uint8)
    assert measure(glimpse(blurred)).sharpness_coarse < 0.5 * measure(glimpse(seen(1))).sharpness_coarse


@settings(max_examples=15)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_measures_are_finite_and_within_bounds(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = measure(glimpse(pixels))
    assert all(np.isfinite(found))
    assert 0 <= found.p1 <= found.p99 <= 255
    assert 0 <= found.mean <= 255
    assert 0 <= found.saturated <= 1
    assert 0 <= found.dark <= 1
    assert min(found.left_right, found.top_bottom, found.sharpness_fine, found.sharpness_coarse) > 0


@settings(max_examples=6)
@given(st.floats(0.05, 0.95), st.floats(0.01, 0.9))
def test_less_light_is_never_brighter(light, less):
    bright, dim = (measure(glimpse(cv2.convertScaleAbs(seen(3), alpha=a))) for a in (light, light * less))
    assert dim.mean <= bright.mean
    assert dim.dark >= bright.dark
