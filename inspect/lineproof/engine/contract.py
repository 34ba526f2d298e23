"""What a session must take and give: checked once when it is opened, and by shape at every run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError

INPUT = "image"
OUTPUTS = {"detect": ("boxes", "scores"), "segment": ("boxes", "scores", "coefficients", "prototypes")}

_AGAIN = "export the bundle again with this lineproof"


def check_session(session: ort.InferenceSession, spec: EngineSpec) -> None:
    """Raise EngineError, with expected and got, unless names, types and shapes are those of `spec`."""
    _check_input(session, spec)
    outputs = {value.name: value for value in session.get_outputs()}
    expected = OUTPUTS[spec.task]
    if set(outputs) != set(expected):
        raise EngineError(f"model.onnx: expected outputs {', '.join(expected)}, got {', '.join(outputs)}", hint=_AGAIN)
    for name in expected:
        if outputs[name].type not in ("tensor(float)", "tensor(float16)"):
            raise EngineError(f"model.onnx: output {name} has type {outputs[name].type}", hint=_AGAIN)
    shapes = {name: tuple(outputs[name].shape) for name in expected}
    _check_shapes({name: tuple(n if isinstance(n, int) else None for n in s) for name, s in shapes.items()}, spec)


def _check_input(session: ort.InferenceSession, spec: EngineSpec) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].name != INPUT or inputs[0].type != "tensor(uint8)":
        got = ", ".join(f"{value.name}: {value.type}" for value in inputs)
        raise EngineError(f"model.onnx: expected one input {INPUT}: tensor(uint8), got {got}", hint=_AGAIN)
    width, height = spec.input_wh
    shape = tuple(size if isinstance(size, int) else None for size in inputs[0].shape)
    wanted = (1, None, None, 3) if spec.dynamic else (1, height, width, 3)
    if shape != wanted:
        raise EngineError(f"model.onnx: expected an input of shape {wanted}, got {shape}", hint=_AGAIN)


def check_outputs(outputs: Mapping[str, NDArray[np.float32]], spec: EngineSpec) -> None:
    """Raise EngineError unless one run's arrays have the shapes of `spec`."""
    _check_shapes({name: array.shape for name, array in outputs.items()}, spec)


def _check_shapes(shapes: Mapping[str, tuple[int | None, ...]], spec: EngineSpec) -> None:
    """Sizes known on both sides must agree; `None` is a size known only at the run."""
    anchors = shapes["boxes"][0] if shapes["boxes"] else None
    wanted: dict[str, tuple[int | None, ...]] = {"boxes": (anchors, 4), "scores": (anchors, len(spec.classes))}
    if spec.task == "segment":
        kernels = shapes["prototypes"][0] if shapes["prototypes"] else None
        wanted |= {"coefficients": (anchors, kernels), "prototypes": (kernels, None, None)}
    for name, want in wanted.items():
        got = shapes[name]
        same = len(got) == len(want) and all(w is None or g is None or w == g for w, g in zip(want, got, strict=True))
        if not same:
            raise EngineError(f"model.onnx: expected {name} of shape {want}, got {got}", hint=_AGAIN)
