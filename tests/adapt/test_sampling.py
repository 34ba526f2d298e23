"""Rare classes come more often."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lineproof.adapt.sampling import RepeatFactors, repeat_factors

IMAGES = st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=40)


def arrays(images: list[list[int]]) -> list[np.ndarray]:
    return [np.array(image, np.int64) for image in images]


def test_a_class_four_times_rarer_comes_twice_as_often_as_the_mean():
    factors = repeat_factors(arrays([[0]] * 7 + [[1]]))
    assert factors[:7].tolist() == [1.0] * 7
    assert factors[7] == 2.0


def test_good_parts_come_once():
    assert repeat_factors(arrays([[], [], [0]])).tolist() == [1.0, 1.0, 1.0]


@given(IMAGES, st.integers(0, 1000))
def test_an_epoch_holds_every_image_and_is_always_of_one_length(images: list[list[int]], seed: int):
    generator = torch.Generator()
    generator.manual_seed(seed)
    sampler = RepeatFactors(arrays(images), generator)
    first, second = list(sampler), list(sampler)
    assert len(first) == len(second) == len(sampler)
    assert set(first) == set(second) == set(range(len(images)))
    counts = np.bincount(first, minlength=len(images))
    assert (counts <= 9).all()


def test_the_same_seed_draws_the_same():
    draws = []
    for _ in range(2):
        generator = torch.Generator()
        generator.manual_seed(3)
        draws.append(list(RepeatFactors(arrays([[0]] * 20 + [[1], [2]]), generator)))
    assert draws[0] == draws[1]
    assert set(draws[0]) == set(range(22))
