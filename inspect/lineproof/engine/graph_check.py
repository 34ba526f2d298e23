"""Look into an ONNX file before onnxruntime does, without the onnx package (it is not installed on the line).

Only structure is read: no tensor is copied. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.errors import EngineError

MAX_NODES = 20_000
_DOMAINS = ("", "ai.onnx", "com.microsoft")  # com.microsoft: onnxruntime's own fused and quantised operators
_CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")  # no detector needs them; a loop need never end

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1  # TensorProto.DataLocation

Field = tuple[int, int | memoryview]


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
    for number, value in _fields(model):
        if number == 7:  # graph
            nodes += _check_graph(_message(value))
        elif number in (20, 25):  # training_info, functions
            raise EngineError("model.onnx has parts a detector has no need of (functions or training)")
    return nodes


def _check_graph(graph: memoryview) -> int:
    nodes = 0
    for number, value in _fields(graph):
        if number == 1:  # node
            _check_node(_message(value))
            nodes += 1
        elif number == 5:  # initializer
            _check_tensor(_message(value))
        elif number == 15:  # sparse_initializer
            raise EngineError("model.onnx has sparse weights, which a detector has no need of")
    if nodes > MAX_NODES:
        raise EngineError(f"model.onnx has {nodes} nodes, more than any detector has")
    return nodes


def _check_node(node: memoryview) -> None:
    operator, domain = "", ""
    for number, value in _fields(node):
        if number == 4:
            operator = str(_message(value), "utf-8")
        elif number == 7:
            domain = str(_message(value), "utf-8")
        elif number == 5:
            _check_attribute(_message(value))
    if domain not in _DOMAINS or operator in _CONTROL_FLOW:
        raise EngineError(f"model.onnx uses the operator {domain + ':' if domain else ''}{operator}, which is refused")


def _check_attribute(attribute: memoryview) -> None:
    for number, value in _fields(attribute):
        if number in (5, 10):  # t, tensors
            _check_tensor(_message(value))
        elif number in (6, 11):  # g, graphs
            raise EngineError("model.onnx has a graph inside a node, which is refused")


def _check_tensor(tensor: memoryview) -> None:
    for number, value in _fields(tensor):
        if number == 13 or (number == 14 and value == _EXTERNAL):
            raise EngineError("model.onnx keeps weights in another file", hint="export it as one file")


def _message(value: int | memoryview) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("a number where bytes belong")  # noqa: TRY004 (it is the file that is wrong, not the caller)
    return value


def _fields(message: memoryview) -> Iterator[Field]:
    """Field numbers and values of one protobuf message; nested messages as views, fixed-size numbers skipped."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("truncated")
            yield number, message[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")
