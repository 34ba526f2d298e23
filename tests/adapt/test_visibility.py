from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn_dataset import save
from lineproof.adapt.visibility import View, compare, view_of
from lineproof.core import BoxMask, Detections, Sample


def crack(tmp_path: Path, *, masks: bool = True, step: int = -40, noise: float = 8.0, size: int = 128) -> Sample:
    """A line of 3 px on a noisy surface."""
    picture = np.random.default_rng(0).normal(120, noise, (size, size, 1)).repeat(3, axis=2)
    mask = np.zeros((size, size), np.bool_)
    mask[size // 2 : size // 2 + 3, 20:100] = True
    picture[mask] += step
    path = save(tmp_path / "crack.png", np.clip(picture, 0, 255).astype(np.uint8))
    truth = Detections(
        np.array([[20, size // 2, 100, size // 2 + 3]], np.float32),
        np.ones(1),
        np.zeros(1, np.int32),
        (BoxMask.from_full(mask),) if masks else None,
    )
    return Sample(path, (size, size), truth, "g", "train")


def texture(tmp_path: Path) -> Sample:
    """A box whose content is as bright as what is around it, and finer."""
    rng = np.random.default_rng(1)
    picture = rng.normal(120, 3, (128, 128))
    picture[30:90, 30:90] = 120 + 15 * cv2.GaussianBlur(rng.normal(0, 1, (60, 60)), (0, 0), 0.8) / 0.35
    image = np.clip(picture, 0, 255).astype(np.uint8)
    path = save(tmp_path / "texture.png", cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    truth = Detections(np.array([[30, 30, 90, 90]], np.float32), np.ones(1), np.zeros(1, np.int32))
    return Sample(path, (128, 128), truth, "g", "train")


def share(view: View, image: np.ndarray, *, blurred: bool = False) -> float:
    kept = compare(np.clip(image, 0, 255).astype(np.uint8), view.defects[0], blurred=blurred)
    assert kept is not None
    return kept.share


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("step", [-40, 40])
def test_contrast_is_the_step_over_the_noise(tmp_path: Path, masks: bool, step: int):
    defect = view_of(crack(tmp_path, masks=masks, step=step), 128).defects[0]
    assert defect.before.cnr == pytest.approx(step / 8, rel=0.15)
    assert (defect.area_px, defect.short_side_px) == (240, 3)


def test_an_image_that_was_not_changed_keeps_everything(tmp_path: Path):
    for sample in (crack(tmp_path), texture(tmp_path)):
        view = view_of(sample, 128)
        assert share(view, view.image) == pytest.approx(1, abs=0.02)


def test_another_exposure_hides_nothing_until_it_saturates(tmp_path: Path):
    for sample in (crack(tmp_path), texture(tmp_path)):
        view = view_of(sample, 128)
        assert share(view, view.image * 0.6) > 0.9
        assert share(view, view.image * 1.4) > 0.9
        assert share(view, view.image * 8.0) < 0.05


def test_blur_takes_a_crack_away_although_it_takes_the_noise_away_too(tmp_path: Path):
    view = view_of(crack(tmp_path), 128)
    sizes = (3, 9, 31)
    kept = [share(view, cv2.blur(view.image, (1, size)), blurred=True) for size in sizes]
    assert kept[0] > 0.6
    assert 0.05 < kept[1] < 0.45  # its halo fills the ring
    assert kept[2] < 0.12
    untold = share(view, cv2.blur(view.image, (31, 31)))
    assert untold > 2 * kept[2], "without knowing of the blur its smoothness looks like contrast"


def test_noise_takes_contrast_away_in_proportion(tmp_path: Path):
    view = view_of(crack(tmp_path), 128)
    noise = np.random.default_rng(5).normal(0, 24, (128, 128, 1))
    assert share(view, view.image + noise) == pytest.approx(8 / np.hypot(8, 24), abs=0.06)


def test_a_texture_without_contrast_is_judged_by_its_structure(tmp_path: Path):
    view = view_of(texture(tmp_path), 128)
    assert abs(view.defects[0].before.cnr) < 0.5
    noise = np.random.default_rng(5).normal(0, 60, (128, 128, 1))
    assert share(view, view.image + noise) < 0.35
    assert share(view, cv2.blur(view.image, (15, 15)), blurred=True) < 0.4
    assert share(view, np.full_like(view.image, 120)) < 0.01
    gradient = view.image * np.linspace(0.8, 1.2, 128)[None, :, None]
    assert share(view, gradient) > 0.9


def test_dark_that_became_bright_is_gone(tmp_path: Path):
    view = view_of(crack(tmp_path), 128)
    assert share(view, 255 - view.image.astype(int)) == 0


def test_what_could_not_be_seen_before_is_not_judged(tmp_path: Path):
    view = view_of(crack(tmp_path, step=0, noise=0.0), 128)
    assert compare(view.image, view.defects[0]) is None


def test_colour_alone_is_contrast(tmp_path: Path):
    sample = crack(tmp_path, step=0, noise=3.0)
    picture = cv2.imread(str(sample.image))
    picture[64:67, 20:100, 2] += 60
    cv2.imwrite(str(sample.image), picture)
    defect = view_of(sample, 128).defects[0]
    assert defect.channel == 2
    assert defect.before.cnr > 10


def test_a_hair_line_survives_the_training_size(tmp_path: Path):
    view = view_of(crack(tmp_path, size=512), 64)
    assert view.image.shape == (64, 64, 3)
    assert view.defects[0].area_px >= 8
    assert view.defects[0].short_side_px < 1
