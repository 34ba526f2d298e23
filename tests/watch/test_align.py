from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import image
from camera_scene import surface
from lineproof.errors import FrameError, InputError
from lineproof.watch.align import PartTemplate

W, H = 640, 480
CORNERS = np.array([[160, 120], [480, 120], [160, 360], [480, 360]], np.float64)


def moved(picture: np.ndarray, dx: float, dy: float, turn_deg: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The picture after the movement, brighter and with noise, and the true matrix."""
    matrix = cv2.getRotationMatrix2D(((W - 1) / 2, (H - 1) / 2), -turn_deg, 1)
    matrix[:, 2] += (dx, dy)
    seen = cv2.warpAffine(picture, matrix, (W, H), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    noise = np.random.default_rng(seed).normal(0, 2, (H, W))
    return np.repeat(np.clip(seen * 1.1 + noise, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2), matrix


@pytest.fixture(scope="module")
def part():
    return surface(11, (W, H))


@pytest.fixture(scope="module")
def template(part):
    return PartTemplate(cv2.cvtColor(part, cv2.COLOR_GRAY2BGR))


@settings(max_examples=8)
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-180, 180))
def test_a_known_movement_is_found_to_a_pixel_and_a_fifth_of_a_degree(part, template, dx, dy, turn_deg):
    picture, matrix = moved(part, dx, dy, turn_deg)
    found = template.align(picture)
    truth = CORNERS @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found.map_points(CORNERS) - truth).max() <= 0.7
    assert abs((found.turn_deg - turn_deg + 180) % 360 - 180) <= 0.2
    assert found.residual_px < 1.5
    assert found.shift_px(((W - 1) / 2, (H - 1) / 2)) == pytest.approx((dx, dy), abs=1)


def test_real_surfaces_are_aligned_or_refused(shared_root):
    names = sorted((shared_root / "data/magnetic-tile/MT_Free/Imgs").glob("*.jpg"))[::50]
    aligned = 0
    for row, path in enumerate(names):
        part = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (W, H), interpolation=cv2.INTER_CUBIC)
        picture, matrix = moved(part, 30 - 7 * row, 5 * row - 20, 8 * row - 40, seed=row)
        try:
            found = PartTemplate(cv2.cvtColor(part, cv2.COLOR_GRAY2BGR)).align(picture)
        except (FrameError, InputError):
            continue
        aligned += 1
        assert np.abs(found.map_points(CORNERS) - (CORNERS @ matrix[:, :2].T + matrix[:, 2])).max() <= 1, path
    assert aligned >= 4


@pytest.mark.parametrize("seed", range(20, 24))
def test_another_part_is_refused_and_never_aligned(template, seed):
    other = cv2.cvtColor(surface(seed, (W, H)), cv2.COLOR_GRAY2BGR)
    with pytest.raises(FrameError, match="the part is not where it can be told: ") as caught:
        template.align(other, "part-7")
    assert caught.value.part_id == "part-7"
    assert caught.value.hint


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_picture_is_refused(template, grey):
    with pytest.raises(FrameError, match="0 features of the template found, 16 are needed"):
        template.align(image(W, H, grey))


def test_a_part_of_another_size_is_refused(part, template):
    larger = cv2.resize(part, None, fx=1.1, fy=1.1)[:H, :W]
    with pytest.raises(FrameError, match=r"1\.10 times as large"):
        template.align(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR))


def test_matches_on_one_spot_are_refused(part, template):
    spot = np.full((H, W), 128, np.uint8)
    spot[200:270, 280:360] = part[200:270, 280:360]
    with pytest.raises(FrameError, match="the part is not where it can be told"):
        template.align(cv2.cvtColor(spot, cv2.COLOR_GRAY2BGR))


def test_a_template_without_structure_is_refused():
    with pytest.raises(InputError, match="the template has 0 features, 32 are needed"):
        PartTemplate(image(W, H))


def test_a_large_picture_is_aligned_in_its_own_pixels():
    part = cv2.resize(surface(11, (W, H)), (2 * W, 2 * H), interpolation=cv2.INTER_CUBIC)
    shifted = np.roll(part, (24, -16), (0, 1))
    found = PartTemplate(cv2.cvtColor(part, cv2.COLOR_GRAY2BGR)).align(cv2.cvtColor(shifted, cv2.COLOR_GRAY2BGR))
    assert found.shift_px((W, H)) == pytest.approx((-16, 24), abs=1)
