from __future__ import annotations

import numpy as np
import pytest

from lineproof.engine.heat import heat_by_class, on_frame
from lineproof.engine.letterbox import Fit
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import EngineError
from tiny_bundle import part, tiny_bundle
from tiny_classifier import classifier_bundle, classifier_engine

BLUE, RED = (255, 0, 0), (0, 0, 255)


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_the_heat_lies_where_the_colour_is(provider):
    maps = classifier_engine(provider, heat=True).heat(part((2, 1, RED)))
    assert list(maps) == ["red", "blue"]  # surest first
    assert maps["red"].shape == (64, 64)
    assert maps["red"].dtype == np.float32
    assert np.unravel_index(maps["red"].argmax(), (64, 64))[0] in range(16, 32)
    assert maps["red"][24, 40] > 0.8
    assert maps["red"][50, 10] == pytest.approx(-1)
    assert (maps["blue"] < 0).all()


def test_heat_is_in_frame_pixels_and_the_border_is_left_out():
    image = np.zeros((100, 400, 3), np.uint8)  # 64×16 on the input, the rest is border
    image[:, 300:] = BLUE
    (evidence,) = classifier_engine(heat=True).heat(image, most=1).values()
    assert evidence.shape == (100, 400)
    assert evidence[:, 360:].min() > 0.4  # half of each cell is border, which is grey
    assert evidence[:, :250].max() < 0


def test_detections_are_the_same_with_and_without_heat():
    image = part((2, 1, RED), (0, 3, (170, 0, 0)))
    plain, with_heat = (classifier_engine(heat=heat).detect(image)[0] for heat in (False, True))
    assert plain.score.tolist() == with_heat.score.tolist()


def test_heat_must_be_asked_for_and_be_there(tmp_path):
    with pytest.raises(EngineError, match="without heat"):
        classifier_engine().heat(part())
    with pytest.raises(EngineError, match="gives no heat maps"):
        OnnxEngine.open(classifier_bundle(tmp_path / "bare", heat=False), "cpu", heat=True)
    with pytest.raises(EngineError, match="for detect"):
        OnnxEngine.open(tiny_bundle(tmp_path / "boxes"), "cpu", heat=True)
    assert OnnxEngine.open(classifier_bundle(tmp_path / "full"), "cpu", heat=True).heat(part())


def test_heat_that_is_none_is_an_error():
    fit = Fit.between((64, 64), (64, 64))
    for wrong in (float("nan"), float("inf")):
        heat = np.zeros((2, 4, 4), np.float32)
        heat[1, 2, 3] = wrong
        with pytest.raises(EngineError, match="not finite"):
            heat_by_class(np.array([0.5, 0.5], np.float32), heat, ("a", "b"), fit)


def test_a_peak_returns_to_the_place_it_came_from():
    rng = np.random.default_rng(1)
    for _ in range(50):
        source_wh = (int(rng.integers(40, 900)), int(rng.integers(40, 900)))
        fit = Fit.between(source_wh, (256, 192))
        x, y = (rng.uniform(0.15, 0.85) * side for side in source_wh)
        at = fit.apply(np.array([[x, y, x, y]]))[0, :2]
        column, row = int(at[0] // 8), int(at[1] // 8)
        heat = np.zeros((24, 32), np.float32)
        heat[row, column] = 1
        found = on_frame(heat, fit)
        assert found.shape == source_wh[::-1]
        peak_y, peak_x = np.unravel_index(found.argmax(), found.shape)
        assert abs(peak_x + 0.5 - x) <= 4.5 / fit.gain_xy[0] + 1
        assert abs(peak_y + 0.5 - y) <= 4.5 / fit.gain_xy[1] + 1
