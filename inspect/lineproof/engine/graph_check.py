"""Look into an ONNX file before onnxruntime does, without the onnx package (it is not installed on the line).

Only structure is read: no tensor is copied. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from lineproof.bundle.protobuf import fields, nested
from lineproof.errors import EngineError

MAX_NODES = 20_000
_DOMAINS = ("", "ai.onnx", "com.microsoft")  # com.microsoft: onnxruntime's own fused and quantised operators
_CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")  # no detector needs them; a loop need never end

_EXTERNAL = 1  # TensorProto.DataLocation


def check_graph(model: bytes) -> None:
    """Raise EngineError unless the model is whole in itself and made of plain operators.

    Refused: weights kept in other files (they would escape the bundle's hashes and can name any path), operators of
    unknown domains, model-local functions, control flow, and absurd size.
    """
    try:
        nodes = _check_model(memoryview(model))
    except (IndexError, ValueError, RecursionError):
        raise EngineError("model.onnx is damaged", hint="export the bundle again") from None
    if nodes == 0:
        raise EngineError("model.onnx holds no graph", hint="export the bundle again")


def _check_model(model: memoryview) -> int:
    nodes = 0
    for number, value in fields(model):
        if number == 7:  # graph
            nodes += _check_graph(nested(value))
        elif number in (20, 25):  # training_info, functions
            raise EngineError("model.onnx has parts a detector has no need of (functions or training)")
    return nodes


def _check_graph(graph: memoryview) -> int:
    nodes = 0
    for number, value in fields(graph):
        if number == 1:  # node
            _check_node(nested(value))
            nodes += 1
        elif number == 5:  # initializer
            _check_tensor(nested(value))
        elif number == 15:  # sparse_initializer
            raise EngineError("model.onnx has sparse weights, which a detector has no need of")
    if nodes > MAX_NODES:
        raise EngineError(f"model.onnx has {nodes} nodes, more than any detector has")
    return nodes


def _check_node(node: memoryview) -> None:
    operator, domain = "", ""
    for number, value in fields(node):
        if number == 4:
            operator = str(nested(value), "utf-8")
        elif number == 7:
            domain = str(nested(value), "utf-8")
        elif number == 5:
            _check_attribute(nested(value))
    if domain not in _DOMAINS or operator in _CONTROL_FLOW:
        raise EngineError(f"model.onnx uses the operator {domain + ':' if domain else ''}{operator}, which is refused")


def _check_attribute(attribute: memoryview) -> None:
    for number, value in fields(attribute):
        if number in (5, 10):  # t, tensors
            _check_tensor(nested(value))
        elif number in (6, 11):  # g, graphs
            raise EngineError("model.onnx has a graph inside a node, which is refused")


def _check_tensor(tensor: memoryview) -> None:
    for number, value in fields(tensor):
        if number == 13 or (number == 14 and value == _EXTERNAL):
            raise EngineError("model.onnx keeps weights in another file", hint="export it as one file")
