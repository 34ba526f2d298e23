"""What a session must take and give: checked once when it is opened, and by shape at every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.engine.sessions.session import Session
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError

INPUT = "image"

Shape = tuple[int | None, ...]  # None: known only at the run
Outputs = dict[str, NDArray[np.float32]]

_AGAIN = "export the bundle again with this lineproof"


def check_session(session: Session, spec: EngineSpec) -> None:
    """Raise EngineError, with expected and got, unless names, types and shapes are those of `spec`."""
    _check_input(session, spec)
    expected, got = spec.output_names, [port.name for port in session.outputs]
    if set(got) != set(expected):
        raise EngineError(f"model.onnx: expected outputs {', '.join(expected)}, got {', '.join(got)}", hint=_AGAIN)
    for port in session.outputs:
        if port.dtype not in ("float32", "float16"):
            raise EngineError(f"model.onnx: output {port.name} has type {port.dtype}", hint=_AGAIN)
    _check_shapes({port.name: port.shape for port in session.outputs}, spec)


def _check_input(session: Session, spec: EngineSpec) -> None:
    port = session.input
    if port.name != INPUT or port.dtype != "uint8":
        raise EngineError(f"model.onnx: expected one input {INPUT}: uint8, got {port.name}: {port.dtype}", hint=_AGAIN)
    width, height = spec.input_wh
    wanted: Shape = (None, *((None, None) if spec.dynamic else (height, width)), spec.channels)
    if len(port.shape) != 4 or port.shape[1:] != wanted[1:]:
        raise EngineError(f"model.onnx: expected an input of shape {wanted}, got {port.shape}", hint=_AGAIN)


def named_outputs(arrays: Sequence[NDArray[np.float32]], spec: EngineSpec, *, batch: int) -> Outputs:
    """One run's arrays by name; raises EngineError unless they have the shapes of `spec` for this many images."""
    outputs = dict(zip(spec.output_names, arrays, strict=True))
    _check_shapes({name: array.shape for name, array in outputs.items()}, spec, batch)
    return outputs


def _check_shapes(shapes: Mapping[str, Shape], spec: EngineSpec, batch: int | None = None) -> None:
    """Sizes known on both sides must agree."""
    if spec.task == "classify":
        wanted = _probabilities(spec, batch)
    else:
        wanted = _rows(shapes, spec, batch) if spec.outputs == "rows" else _maps(shapes, spec, batch)
    if spec.task == "segment":
        name, axis = ("coefficients", 2) if spec.outputs == "rows" else (f"coefficients_{spec.strides[0]}", 1)
        wanted["prototypes"] = (batch, _size(shapes[name], axis), None, None)
    for name, want in wanted.items():
        got = shapes[name]
        same = len(got) == len(want) and all(w is None or g is None or w == g for w, g in zip(want, got, strict=True))
        if not same:
            raise EngineError(f"model.onnx: expected {name} of shape {want}, got {got}", hint=_AGAIN)


def _probabilities(spec: EngineSpec, batch: int | None) -> dict[str, Shape]:
    wanted: dict[str, Shape] = {"probabilities": (batch, len(spec.classes))}
    return {**wanted, "heat": (batch, len(spec.classes), None, None)} if spec.heat else wanted


def _rows(shapes: Mapping[str, Shape], spec: EngineSpec, batch: int | None) -> dict[str, Shape]:
    rows = _size(shapes["boxes"], 1)
    wanted: dict[str, Shape] = {"boxes": (batch, rows, 4), "scores": (batch, rows, len(spec.classes))}
    if spec.task == "segment":
        wanted["coefficients"] = (batch, rows, _size(shapes["coefficients"], 2))
    return wanted


def _maps(shapes: Mapping[str, Shape], spec: EngineSpec, batch: int | None) -> dict[str, Shape]:
    width, height = spec.input_wh
    sides = _size(shapes[f"sides_{spec.strides[0]}"], 1)
    wanted: dict[str, Shape] = {}
    for stride in spec.strides:
        cells = (None, None) if spec.dynamic else (height // stride, width // stride)
        wanted[f"sides_{stride}"] = (batch, sides, *cells)
        wanted[f"logits_{stride}"] = (batch, len(spec.classes), *cells)
        if spec.task == "segment":
            planes = _size(shapes[f"coefficients_{spec.strides[0]}"], 1)
            wanted[f"coefficients_{stride}"] = (batch, planes, *cells)
    return wanted


def _size(shape: Shape, axis: int) -> int | None:
    return shape[axis] if axis < len(shape) else None
