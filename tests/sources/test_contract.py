from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import image
from lineproof.errors import ImageError, SourceLost
from lineproof.sources.contract import SHORT_COUNTER, FrameContract
from lineproof.sources.handle import Shot


def noise(seed: int, wh: tuple[int, int] = (16, 12)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (wh[1], wh[0], 3), np.uint8)


def counted(*counters: int | None) -> FrameContract:
    contract = FrameContract()
    for seed, counter in enumerate(counters):
        contract.check(Shot(noise(seed), counter=counter))
    return contract


def test_pictures_of_one_size_that_differ_keep_the_contract():
    assert counted(None, None, None).gaps == 0


def test_the_first_picture_sets_the_size():
    contract = counted(None)
    with pytest.raises(SourceLost, match=r"^the picture is 16×13, expected 16×12 – zones and sizes"):
        contract.check(Shot(noise(1, (16, 13))))
    contract.renew()
    with pytest.raises(SourceLost, match="expected 16×12"):
        contract.check(Shot(noise(1, (16, 13))))
    contract.check(Shot(noise(2)))


@pytest.mark.parametrize(("width", "height", "expected"), [(640, None, "640×12"), (None, 480, "16×480")])
def test_a_commissioned_size_holds_from_the_first_picture(width, height, expected):
    with pytest.raises(SourceLost, match=f"is 16×12, expected {expected}"):
        FrameContract(width=width, height=height).check(Shot(noise(0)))


def test_colour_that_turns_to_mono_is_another_camera():
    contract = counted(None)
    with pytest.raises(SourceLost, match="delivers 1 channels, it was 3"):
        contract.check(Shot(noise(1), channels=1))


@pytest.mark.parametrize("after", [2, 3, 5])
def test_equal_pictures_in_a_row_are_frozen_until_one_differs(after):
    contract = FrameContract(frozen_after=after)
    for _ in range(after - 1):
        contract.check(Shot(noise(0)))
    for run in range(after, after + 3):
        with pytest.raises(ImageError, match=f"frozen: {run} equal pictures"):
            contract.check(Shot(noise(0)))
    contract.check(Shot(noise(1)))
    contract.check(Shot(noise(0)))


def test_one_pixel_of_the_last_row_is_life():
    contract = FrameContract()
    contract.check(Shot(image()))
    alive = image()
    alive[-1, -1, -1] += 1
    contract.check(Shot(alive))


def test_frozen_can_be_switched_off():
    contract = FrameContract(frozen_after=None)
    for _ in range(10):
        contract.check(Shot(image()))


def test_gaps_of_the_counter_are_counted():
    assert counted(7, 8, 11, 12, 20).gaps == 2 + 7


def test_a_counter_that_stands_still_is_frozen_though_the_pictures_differ():
    contract = counted(1, 2)
    with pytest.raises(ImageError, match="frozen: the camera's counter stands still at 2"):
        contract.check(Shot(noise(9), counter=2))


def test_a_counter_that_goes_back_brings_an_old_picture():
    contract = counted(500, 501)
    with pytest.raises(ImageError, match="went back from 501 to 499"):
        contract.check(Shot(noise(9), counter=499))
    contract.check(Shot(noise(10), counter=500))  # a camera that counts anew costs one part


def test_a_fresh_handle_counts_anew():
    contract = counted(500, 501)
    contract.renew()
    contract.check(Shot(noise(9), counter=1))
    assert contract.gaps == 0


@pytest.mark.parametrize(
    ("last", "counter", "gaps"), [(65_535, 1, 0), (65_535, 4, 3), (65_534, 1, 1), (65_535, 0, 0), (65_530, 2, 6)]
)
def test_a_16_bit_counter_begins_again_with_1(last, counter, gaps):
    assert counted(last, counter).gaps == gaps


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.integers(0, 2**62))
def test_every_picture_that_did_not_come_is_a_gap(steps, start):
    start = start if start > SHORT_COUNTER else start + SHORT_COUNTER + 1
    counters = np.cumsum([start, *steps]).tolist()
    assert counted(*counters).gaps == sum(steps) - len(steps)
