"""TensorRT clamps INT64 constants to 32 bits. A graph that lives on wider ones loses its outputs without a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineproof.adapt.export import Exported, check_export, export_onnx
from lineproof.adapt.parity import check_parity
from lineproof.adapt.trained_model import TrainedModel
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import GateError, ParityError
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train

INPUT_WH = (128, 96)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def network():
    return restless_network("detect")


@pytest.fixture(scope="module", params=["maps", "rows"])
def exported(request, network) -> Exported:
    return export_onnx(network, INPUT_WH, outputs=request.param)


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("images") / "part.png"
    cv2.imwrite(str(path), blobs(100, *INPUT_WH))
    return path


def clamped(data: bytes) -> bytes:
    """What TensorRT makes of a model's whole numbers."""
    limits = np.iinfo(np.int32)
    model = onnx.load_from_string(data)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.INT64:
            narrow = np.clip(numpy_helper.to_array(tensor), limits.min, limits.max)
            tensor.CopyFrom(numpy_helper.from_array(narrow, tensor.name))
    return model.SerializeToString()


def seeded(exported: Exported) -> Exported:
    """Scores kept where `1 + 2^40 > 2^40`: everywhere, unless both constants are clamped to the same number."""
    model = onnx.load_from_string(exported.onnx)
    (scores,) = (node for node in model.graph.node if "scores" in node.output)
    scores.output[list(scores.output).index("scores")] = "unmasked"
    constants = {"wide": np.array(2**40, np.int64), "wider": np.array(2**40 + 1, np.int64)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node.extend(
        [
            helper.make_node("Greater", ["wider", "wide"], ["kept"]),
            helper.make_node("Cast", ["kept"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["unmasked", "mask"], ["scores"]),
        ]
    )
    return replace(exported, onnx=model.SerializeToString())


def parity(network, exported: Exported, image: Path):
    spec = exported.spec(0.05)
    engine = OnnxEngine.from_model(exported.onnx, spec, "cpu", threads=1)
    return check_parity(engine, TrainedModel(network, spec), [image], dict.fromkeys(CLASSES, Threshold(0.8, 0.6)))


def test_our_graphs_have_nothing_to_clamp(network, exported, image):
    narrow = replace(exported, onnx=clamped(exported.onnx))
    assert narrow.onnx == onnx.load_from_string(exported.onnx).SerializeToString()
    assert parity(network, narrow, image).decision_flips == 0


def test_outputs_emptied_by_a_clamp_are_caught_by_parity(network, image):
    faulty = seeded(export_onnx(network, INPUT_WH, outputs="rows"))
    assert parity(network, faulty, image).decision_flips == 0  # where whole numbers have 64 bits all is well
    with pytest.raises(ParityError, match="the trained model decides FAIL, the engine PASS"):
        parity(network, replace(faulty, onnx=clamped(faulty.onnx)), image)


def test_such_a_graph_is_never_exported(network):
    with pytest.raises(GateError, match="does not fit into 32 bits"):
        check_export(seeded(export_onnx(network, INPUT_WH, outputs="rows")))
