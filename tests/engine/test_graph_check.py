from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lineproof.engine.graph_check import check_graph
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import EngineError
from tiny_bundle import tiny_model, tiny_spec


@pytest.fixture
def model() -> onnx.ModelProto:
    return onnx.load_from_string(tiny_model())


def refused(model: onnx.ModelProto, says: str) -> None:
    with pytest.raises(EngineError, match=says):
        check_graph(model.SerializeToString())


def test_a_plain_model_passes():
    check_graph(tiny_model("segment"))


@pytest.mark.parametrize("location", ["weights.bin", "../../etc/passwd", "/etc/passwd", ""])
def test_weights_in_another_file_are_refused(model, location):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    refused(model, "another file")


def test_a_location_without_the_external_mark_is_refused_too(model):
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    refused(model, "another file")


def test_weights_of_a_constant_node_are_looked_at(model):
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.add(name="value", t=tensor, type=onnx.AttributeProto.TENSOR)
    model.graph.node.append(node)
    refused(model, "another file")


def test_operators_of_unknown_domains_are_refused(model):
    model.graph.node[0].domain = "evil.ops"
    refused(model, "evil.ops:Cast")


@pytest.mark.parametrize("operator", ["Loop", "If", "Scan"])
def test_control_flow_is_refused(model, operator):
    model.graph.node[0].op_type = operator
    refused(model, operator)


def test_graphs_inside_nodes_are_refused(model):
    model.graph.node[0].attribute.add(name="body", g=helper.make_graph([], "inner", [], []), type=5)
    refused(model, "graph inside a node")


def test_model_local_functions_are_refused(model):
    model.functions.append(
        helper.make_function("here", "f", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], model.opset_import)
    )
    refused(model, "functions")


def test_absurdly_many_nodes_are_refused(model, monkeypatch):
    monkeypatch.setattr("lineproof.engine.graph_check.MAX_NODES", 3)
    refused(model, "nodes, more than")


def test_truncations_and_noise_never_get_as_far_as_a_crash():
    data, rng = tiny_model(), np.random.default_rng(0)
    for size in np.linspace(0, len(data) - 1, 60).astype(int).tolist():
        with pytest.raises(EngineError):
            OnnxEngine.from_model(data[:size], tiny_spec(), "cpu", threads=1)
    for _ in range(60):
        with pytest.raises(EngineError):
            check_graph(rng.bytes(200))
