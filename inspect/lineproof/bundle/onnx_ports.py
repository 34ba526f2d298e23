"""What an ONNX file says goes in and comes out, read from its bytes: no onnx package, no session.

Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lineproof.bundle.protobuf import fields, nested
from lineproof.errors import BundleError

_ELEMENT_TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16"}
_GRAPH = 7  # of ModelProto
_INITIALIZER, _INPUT, _OUTPUT = 5, 11, 12  # of GraphProto


@dataclass(frozen=True, slots=True)
class OnnxPort:
    """One input or output of a graph."""

    name: str
    dtype: str  # as numpy calls it
    shape: tuple[int | None, ...]  # None: known only at the run


@dataclass(frozen=True, slots=True)
class OnnxPorts:
    """All of them, in the order of the file."""

    inputs: tuple[OnnxPort, ...]
    outputs: tuple[OnnxPort, ...]


def read_ports(model: bytes) -> OnnxPorts:
    """Inputs and outputs of an ONNX model; raises BundleError when the file is damaged or leaves a shape open."""
    try:
        return _ports(memoryview(model))
    except (IndexError, ValueError):
        raise BundleError("model.onnx is damaged", hint="export the bundle again") from None


def _ports(model: memoryview) -> OnnxPorts:
    weights: set[str] = set()
    found: dict[int, list[OnnxPort]] = {_INPUT: [], _OUTPUT: []}
    for graph in _all(model, _GRAPH):
        for number, value in fields(graph):
            if number in found:
                found[number].append(_port(nested(value)))
            elif number == _INITIALIZER:
                weights.update(_text(name) for name in _all(nested(value), 8))
    inputs = tuple(port for port in found[_INPUT] if port.name not in weights)  # old exporters list weights as inputs
    if not inputs or not found[_OUTPUT]:
        raise BundleError("model.onnx names no inputs or no outputs", hint="export the bundle again")
    return OnnxPorts(inputs, tuple(found[_OUTPUT]))


def _port(info: memoryview) -> OnnxPort:
    name = "".join(_text(value) for value in _all(info, 1))
    for kind in _all(info, 2):
        for tensor in _all(kind, 1):
            return OnnxPort(name, _dtype(name, tensor), _shape(name, tensor))
    raise BundleError(f"model.onnx: {name} is no tensor", hint="export the bundle again")


def _dtype(name: str, tensor: memoryview) -> str:
    code = next((value for number, value in fields(tensor) if number == 1), 0)
    if not isinstance(code, int) or code not in _ELEMENT_TYPES:
        raise BundleError(f"model.onnx: {name} has the unknown element type {code}", hint="export the bundle again")
    return _ELEMENT_TYPES[code]


def _shape(name: str, tensor: memoryview) -> tuple[int | None, ...]:
    for shape in _all(tensor, 2):
        return tuple(_size(dimension) for dimension in _all(shape, 1))
    raise BundleError(f"model.onnx: {name} has no shape", hint="export the bundle again")


def _size(dimension: memoryview) -> int | None:
    """A fixed size; a named or missing one is None."""
    size = next((value for number, value in fields(dimension) if number == 1), None)
    return size if isinstance(size, int) else None


def _all(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (nested(value) for number, value in fields(message) if number == wanted)


def _text(value: memoryview) -> str:
    return str(value, "utf-8")
