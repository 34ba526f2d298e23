from __future__ import annotations

import numpy as np
import pytest

from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.regions import Region, RegionEngine
from lineproof.errors import EngineError
from tiny_bundle import SIZE, part, tiny_engine, tiny_model, tiny_spec

RED = (0, 0, 255)


def region(x: int, y: int, width: int = SIZE, height: int = SIZE) -> Region:
    return Region(x=x, y=y, width=width, height=height)


def frame(*spots: tuple[int, int]) -> np.ndarray:
    """A black 256×128 frame with red 16 px squares."""
    image = np.zeros((128, 256, 3), np.uint8)
    for x, y in spots:
        image[y : y + 16, x : x + 16] = RED
    return image


def test_boxes_and_masks_come_back_in_frame_pixels():
    image = frame((100, 40))
    image[40:56, 100:116, 1] = 255  # green: the mask
    found, _ = RegionEngine(tiny_engine("segment"), [region(84, 24)]).detect(image)
    assert found.xyxy.tolist() == [[100, 40, 116, 56]]
    (mask,) = found.masks
    assert (mask.x, mask.y, mask.bitmap.shape) == (100, 40, (16, 16))


def test_what_lies_outside_every_region_is_not_seen():
    found, _ = RegionEngine(tiny_engine(), [region(0, 0), region(64, 0)]).detect(frame((16, 16), (80, 32), (200, 64)))
    assert sorted(found.xyxy.tolist()) == [[16, 16, 32, 32], [80, 32, 96, 48]]


@pytest.mark.parametrize("max_batch", [1, 2])
def test_a_defect_in_two_regions_is_one_defect(max_batch):
    engine = OnnxEngine.from_model(tiny_model(), tiny_spec(), "cpu", threads=1, max_batch=max_batch)
    found, times = RegionEngine(engine, [region(0, 0), region(32, 0)]).detect(frame((48, 16)))
    assert found.xyxy.tolist() == [[48, 16, 64, 32]]
    assert times.infer > 0


def test_regions_outside_the_frame_are_an_error_not_a_pass():
    with pytest.raises(EngineError, match="the region 64×64 at 224,0 does not lie in the frame 256×128"):
        RegionEngine(tiny_engine(), [region(224, 0)]).detect(frame())


def test_good_regions_give_nothing():
    found, _ = RegionEngine(tiny_engine("segment"), [region(0, 0), region(64, 0)]).detect(frame())
    assert len(found) == 0
    assert found.masks == ()
    assert len(RegionEngine(tiny_engine(), [region(0, 0)]).detect(part())[0]) == 0
