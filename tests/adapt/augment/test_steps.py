from __future__ import annotations

import inspect
from typing import get_args

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt.augment import Step
from lineproof.adapt.augment.steps import BeltBlur, SpecularHighlight, _Own

STEPS = get_args(get_args(Step)[0])


def name_of(step) -> str:
    return get_args(step.model_fields["name"].annotation)[0]


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_a_step_has_the_name_and_the_arguments_of_the_class_it_builds(step):
    built = step(name=name_of(step), p=0.3).build()
    assert type(built).__name__ == name_of(step)
    assert type(built).__module__.startswith("lineproof." if issubclass(step, _Own) else "albumentations.")
    said = step(name=name_of(step), p=0.3).model_dump(exclude={"name"})
    assert set(said) <= set(inspect.signature(type(built).__init__).parameters)
    assert {key: getattr(built, key) for key in said} == said


def test_no_two_steps_have_one_name():
    assert len({name_of(step) for step in STEPS}) == len(STEPS) == 15


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_a_step_survives_being_written_down_by_the_trainer(step):
    built = step(name=name_of(step), p=0.3).build()
    written = A.to_dict(built)
    assert A.to_dict(A.from_dict(written)) == written


@pytest.mark.parametrize("step", [s for s in STEPS if issubclass(s, _Own)], ids=name_of)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
)
def test_own_effects_keep_shape_and_type_leave_the_image_and_repeat(step, height, width, channels, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)
    before = image.copy()
    once, twice = (
        A.Compose([step(name=name_of(step), p=1.0).build()], seed=seed)(image=image)["image"] for _ in range(2)
    )
    assert once.shape == image.shape
    assert once.dtype == np.uint8
    assert np.array_equal(image, before)
    assert np.array_equal(once, twice)


def test_ranges_must_rise_and_values_must_make_sense():
    with pytest.raises(ValueError, match=r"length_px: 6.0 is more than 2.0"):
        BeltBlur(name="BeltBlur", p=0.5, length_px=(6.0, 2.0))
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SpecularHighlight(name="SpecularHighlight", p=0.5, stretch=(0.5, 2.0))
