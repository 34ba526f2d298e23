"""Which place of the boxes is exported: the one that lies nearer to the truth of the validation images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from drawn_dataset import sample, save
from lineproof.adapt.export import Exported
from lineproof.adapt.placement import better_placed
from tiny_bundle import CELL, SIZE, model_of, part

SUREST, SECOND, MEAN = (8, 8, 40, 40), (12, 8, 44, 40), (9.7, 8, 41.7, 40)


def two_boxes() -> Exported:
    """Whatever it sees, it finds one scratch twice, nearly as sure of the second place as of the first."""
    constants = {
        "places": np.array([[SUREST, SECOND]], np.float32),
        "sureness": np.array([[[0.9], [0.89]]], np.float32),
        "zero": np.zeros((1, 1, 1), np.float32),
        "pixels": np.array([1, 2], np.int64),
        "colours": np.array([1], np.int64),
        "inside": np.array([2], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "pixels"], ["by_colour"], keepdims=0),
        helper.make_node("ReduceSum", ["by_colour", "colours"], ["sums"]),
        helper.make_node("Unsqueeze", ["sums", "inside"], ["one"]),  # (batch, 1, 1)
        helper.make_node("Mul", ["one", "zero"], ["nothing"]),
        helper.make_node("Add", ["places", "nothing"], ["boxes"]),
        helper.make_node("Add", ["sureness", "nothing"], ["scores"]),
    ]
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", 2, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2, 1]),
    ]
    onnx = model_of("two boxes", nodes, outputs, constants)
    return Exported(onnx, "detect", ("scratch",), (SIZE, SIZE), outputs="rows", strides=(CELL,))


@pytest.mark.parametrize(("truth", "averaged"), [(SUREST, False), (MEAN, True)])
def test_the_validation_images_say_where_boxes_lie(tmp_path: Path, truth, averaged):
    samples = [sample(save(tmp_path / "part.png", part()), (*truth, 0))]
    better, other = better_placed(two_boxes(), samples, 0.1)
    assert (better.exported.averaged, other.exported.averaged) == (averaged, not averaged)
    assert better.ap50_95 == pytest.approx(1)
    assert other.ap50_95 < 0.95
    assert better.engine.spec.averaged is averaged
    np.testing.assert_allclose(better.found[0].xyxy, [truth], atol=0.1)
    assert ("mean" in str(better)) is averaged


def test_without_truth_nothing_speaks_for_the_mean(tmp_path: Path):
    better, _ = better_placed(two_boxes(), [sample(save(tmp_path / "good.png", part()))], 0.1)
    assert not better.exported.averaged
