from __future__ import annotations

import cv2
import numpy as np
import pytest

from camera_scene import surface
from lineproof.errors import GateError, InputError
from lineproof.watch.measures import glimpse
from lineproof.watch.region import Box, box_in, find_region


def on_a_belt(number: int, x: int = 300, y: int = 200, wh: tuple[int, int] = (500, 360), grey: int = 50) -> np.ndarray:
    """A part with structure on a plain belt, 1280 × 960, a little aside each time."""
    draw = np.random.default_rng(number)
    picture = np.clip(draw.normal(grey, 3, (960, 1280)), 0, 255).astype(np.uint8)
    x, y = x + int(draw.integers(-6, 7)), y + int(draw.integers(-6, 7))
    picture[y : y + wh[1], x : x + wh[0]] = surface(number, wh)[: wh[1], : wh[0]]
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)


def test_the_part_is_inside_its_box_and_little_else():
    box = find_region([glimpse(on_a_belt(n)) for n in range(12)])
    assert box.x <= 294
    assert box.y <= 194
    assert box.x + box.width >= 806
    assert box.y + box.height >= 566
    assert box.width * box.height < 1.6 * 500 * 360


def test_a_frame_or_two_without_a_part_do_not_matter():
    frames = [glimpse(on_a_belt(n)) for n in range(10)] + [glimpse(on_a_belt(n, wh=(1, 1))) for n in range(10, 13)]
    assert find_region(frames).width > 500


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (lambda: [on_a_belt(n, wh=(1, 1)) for n in range(8)], "nothing stands out"),
        (lambda: [on_a_belt(n, x=10 + 160 * n, wh=(120, 120)) for n in range(7)], "nothing stands out"),
        (lambda: [on_a_belt(n, x=8, y=8, wh=(1260, 940)) for n in range(8)], "shows no plain background"),
        (lambda: [on_a_belt(n, x=50, y=50, wh=(1200, 860)) for n in range(8)], "the part fills the picture"),
        (lambda: [on_a_belt(n, wh=(70, 70)) for n in range(8)], r"what stands out is 0\.\d% of the picture"),
        (lambda: [on_a_belt(n)[: 900 + n] for n in range(8)], "the frames differ in size"),
    ],
)
def test_what_cannot_be_told_is_asked_for(frames, says):
    with pytest.raises(GateError, match=says) as caught:
        find_region([glimpse(pixels) for pixels in frames()])
    assert "--region" in caught.value.hint


@pytest.mark.parametrize("box", [(0, 0, 641, 10), (-1, 0, 10, 10), (600, 400, 10, 81), (0, 0, 0, 10)])
def test_a_given_region_lies_in_the_picture(box):
    assert box_in(Box(0, 0, 640, 480), (640, 480)) == (0, 0, 640, 480)
    with pytest.raises(InputError, match="does not lie in the picture 640×480"):
        box_in(Box(*box), (640, 480))
