from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import numpy as np
import pytest
from ultralytics.data.augment import Albumentations, v8_transforms
from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

from lineproof.adapt.augment import Augmentation, check_installed, load_augmentation
from lineproof.errors import GateError, SettingsError
from lineproof.presets import preset_names


def as_the_trainer_builds_it(asked: Augmentation | None) -> SimpleNamespace:
    """A dataset with the transforms ultralytics makes from its `augmentations` argument."""
    augmentations = None if asked is None else [A.to_dict(t) for t in asked.build()]
    hyp = IterableSimpleNamespace(**{**vars(DEFAULT_CFG), "augmentations": augmentations})
    return SimpleNamespace(transforms=v8_transforms(SimpleNamespace(data={}, cache="ram"), 64, hyp))


def step_of(dataset: SimpleNamespace) -> Albumentations:
    return next(t for t in dataset.transforms.transforms if isinstance(t, Albumentations))


@pytest.mark.parametrize("name", preset_names("augment"))
def test_what_was_asked_for_is_found_in_the_trainer(name: str):
    asked = load_augmentation(name)
    check_installed(as_the_trainer_builds_it(asked), asked)


@pytest.mark.parametrize("name", preset_names("augment"))
def test_every_preset_keeps_size_and_type_of_an_image(name: str):
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    for step in load_augmentation(name).transforms:
        always = step.model_copy(update={"p": 1.0}).build()
        out = A.Compose([always], seed=1)(image=image)["image"]
        assert out.shape == image.shape
        assert out.dtype == np.uint8


def test_the_stock_list_is_not_what_was_asked_for():
    with pytest.raises(GateError, match=r"the trainer built Blur.*asked was LightGradient"):
        check_installed(as_the_trainer_builds_it(None), load_augmentation("industrial"))


def test_a_missing_step_is_refused():
    asked = load_augmentation("mild")
    dataset = as_the_trainer_builds_it(asked)
    dataset.transforms.transforms.remove(step_of(dataset))
    with pytest.raises(GateError, match="expected one albumentations step in the trainer, found 0"):
        check_installed(dataset, asked)


def test_a_pipeline_the_trainer_could_not_build_is_refused():
    asked = load_augmentation("mild")
    dataset = as_the_trainer_builds_it(asked)
    step_of(dataset).transform = None  # what ultralytics is left with after any error, or without the package
    with pytest.raises(GateError, match="could not build"):
        check_installed(dataset, asked)


def test_a_step_that_is_skipped_at_random_is_refused():
    asked = load_augmentation("mild")
    dataset = as_the_trainer_builds_it(asked)
    step_of(dataset).p = 0.5
    with pytest.raises(GateError, match=r"with probability 0\.5"):
        check_installed(dataset, asked)


def test_one_other_number_is_refused():
    asked = load_augmentation("mild")
    changed = asked.transforms[0].model_copy(update={"p": 0.31})
    other = Augmentation(transforms=(changed, *asked.transforms[1:]))
    with pytest.raises(GateError, match=r"built RandomBrightnessContrast\(p=0.31\)"):
        check_installed(as_the_trainer_builds_it(other), asked)


def test_another_order_is_refused():
    asked = load_augmentation("industrial")
    other = Augmentation(transforms=tuple(reversed(asked.transforms)))
    with pytest.raises(GateError, match="asked was"):
        check_installed(as_the_trainer_builds_it(other), asked)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transforms: [{name: RandomSunFlare, p: 1}]", "RandomSunFlare"),
        ("transforms: [{name: Lambda, p: 1}]", "Lambda"),
        ("transforms: [{name: RandomGamma, p: 0.5, gama_limit: [80, 90]}]", "gama_limit"),
        ("transforms: [{name: RandomGamma, p: 0.5, gamma_limit: [120, 80]}]", "120 is more than 80"),
        ("transforms: [{name: MotionBlur, p: 2}]", "less than or equal to 1"),
        ("transforms: [{name: MotionBlur}]", "Field required"),
        ("transform: []", "did you mean 'transforms'"),
    ],
)
def test_wrong_presets_are_refused_with_the_reason(tmp_path: Path, text: str, words: str):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_augmentation(str(file))
