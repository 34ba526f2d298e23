from __future__ import annotations

import numpy as np
import pytest

from builders import image
from lineproof.adapt.augment.effects import (
    BeltBlur,
    Dust,
    Exposure,
    LightGradient,
    OutOfFocus,
    SensorNoise,
    SpecularHighlight,
)
from lineproof.adapt.augment.effects.blur import disc_kernel, line_kernel
from lineproof.adapt.augment.effects.noise import _POOL, _noise


def spread(kernel: np.ndarray) -> tuple[float, float]:
    """Variances of a kernel along the rows and along the columns, in px²."""
    height, width = kernel.shape
    x, y = np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    assert float((kernel.sum(axis=0) * x).sum()) == pytest.approx(0, abs=1e-3)
    return float((kernel.sum(axis=0) * x * x).sum()), float((kernel.sum(axis=1) * y * y).sum())


def test_one_stop_is_a_factor_of_two_cut_at_white():
    lit = Exposure().apply(np.array([[[10], [100], [200]]], np.uint8), gain=2.0)
    assert lit.ravel().tolist() == [20, 200, 255]
    same = Exposure(stops=(0.0, 0.0), p=1.0)(image=image(grey=77))["image"]
    assert (same == 77).all()


def test_the_gain_of_a_gradient_rises_evenly_and_keeps_the_mean():
    grey = image(101, 51, 100)
    lit = LightGradient().apply(grey, amount=0.2, direction=0.0)
    assert lit[:, 0].tolist() == [[80] * 3] * 51
    assert lit[:, -1].tolist() == [[120] * 3] * 51
    assert abs(float(lit.mean()) - 100) < 0.5
    corner = LightGradient().apply(grey, amount=0.2, direction=np.pi / 4)
    assert (corner[0, 0, 0], corner[-1, -1, 0]) == (80, 120)


def test_a_highlight_only_adds_light_saturates_inside_and_ends():
    grey = image(200, 100, 90)
    spot = {"at": (0.25, 0.5), "sigma": 0.04, "stretch": 3.0, "angle": 0.0, "peak": 1.2}
    lit = SpecularHighlight().apply(grey, spots=[spot])
    assert (lit >= grey).all()
    assert (lit[49:51, 46:54] == 255).all()
    assert (lit[:, 110:] == 90).all()
    rows, columns = np.flatnonzero((lit[..., 0] > 95).any(axis=1)), np.flatnonzero((lit[..., 0] > 95).any(axis=0))
    assert 2.5 < np.ptp(columns) / np.ptp(rows) < 3.5


@pytest.mark.parametrize("length", [3.0, 6.0, 12.5])
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
def test_the_belt_blurs_along_its_direction_by_its_length(length: float, angle: float):
    along_x, along_y = spread(line_kernel(length, angle))
    expected = (length - 1) ** 2 / 12  # of a uniform distribution
    cosine, sine = np.cos(np.radians(angle)) ** 2, np.sin(np.radians(angle)) ** 2
    assert along_x == pytest.approx(expected * cosine, abs=0.35)
    assert along_y == pytest.approx(expected * sine, abs=0.35)


def test_a_straight_belt_leaves_the_other_direction_sharp():
    assert line_kernel(5.0, 0.0).shape == (1, 5)
    assert line_kernel(5.0, 90.0).shape == (5, 1)
    assert line_kernel(1.0, 40.0).tolist() == [[1.0]]
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[::2] = 200
    blurred = BeltBlur(length_px=(5.0, 5.0), angle_deg=0.0, spread_deg=0.0, p=1.0)(image=stripes)["image"]
    assert np.array_equal(blurred, stripes)


@pytest.mark.parametrize("radius", [1.0, 2.3, 5.0])
def test_out_of_focus_is_an_even_disc(radius: float):
    kernel = disc_kernel(radius)
    assert np.allclose(kernel, kernel.T)
    assert np.allclose(kernel, kernel[::-1])
    along_x, along_y = spread(kernel)
    assert along_x == pytest.approx(radius**2 / 4 + 1 / 12, abs=0.1)  # of an even disc, and of a pixel
    assert along_x == pytest.approx(along_y)


def test_half_a_pixel_out_of_focus_is_sharp():
    assert disc_kernel(0.5).tolist() == [[1.0]]
    point = np.zeros((21, 21, 3), np.uint8)
    point[10, 10] = 255
    assert (OutOfFocus().apply(point, kernel=disc_kernel(3.0)) > 0).any(axis=2).sum() > 25


@pytest.mark.parametrize("grey", [20, 100, 180])
def test_noise_grows_with_the_root_of_the_signal(grey: int):
    flat = image(256, 256, grey)
    noisy = SensorNoise().apply(flat, electrons=2000.0, read=1.5, start=7, sign=1.0)
    assert float(noisy.std()) == pytest.approx(np.sqrt(grey * 255 / 2000 + 1.5**2 + 1 / 12), rel=0.03)
    assert float(noisy.mean()) == pytest.approx(grey, abs=0.1)
    assert (noisy == noisy[..., :1]).all()


def test_noise_goes_round_at_the_end_of_its_pool():
    around = _noise(_POOL - 3, 10)
    assert np.array_equal(around, np.concatenate([_noise(_POOL - 3, 3), _noise(0, 7)]))
    assert len(_noise(5, 2 * _POOL)) == 2 * _POOL


def test_dust_covers_few_pixels_with_its_tone():
    dusty = Dust(count=(8, 8), fibre_share=0.5, tone=(0.0, 0.0), opacity=(1.0, 1.0), p=1.0)
    dusty.set_random_seed(3)
    out = dusty(image=image(200, 200, 180))["image"]
    touched = out[..., 0] != 180
    assert 20 < touched.sum() < 1200
    assert out.min() < 60
    assert (out <= 180).all()
