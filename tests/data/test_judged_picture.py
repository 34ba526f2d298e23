from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from builders import detections, image
from lineproof.data.judged_picture import FOUND, as_data_url, judged_picture
from lineproof.data.palette import GOOD


def has(picture: np.ndarray, colour) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) < 25).any())


def test_truth_is_green_and_what_was_found_red():
    flat = image(200, 100)
    drawn = judged_picture(flat, detections((20, 20, 60, 60, 1, 0)), detections((100, 30, 150, 80, 0.7, 0)))
    assert drawn.shape == (180, 360, 3)
    assert has(drawn[:, :160], GOOD)
    assert has(drawn[:, 160:], FOUND)
    assert not has(drawn[:, 160:], GOOD)
    assert not has(judged_picture(flat, detections(), detections()), FOUND)


@pytest.mark.parametrize("size", [(4096, 3000), (7, 5), (50, 2000)])
def test_any_size_and_a_speck_can_be_seen(size):
    speck = detections((1, 1, 2, 2, 1, 0))
    drawn = judged_picture(image(*size), speck, detections())
    assert max(drawn.shape[:2]) == 360
    assert has(drawn, GOOD)


def test_the_address_holds_the_picture():
    url = as_data_url(image(64, 48))
    data = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), 1).shape == (48, 64, 3)
