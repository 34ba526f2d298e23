"""Which values flow through a model: the ranges of every activation over training images, as the line shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lineproof.core import Sample
from lineproof.core.decode import read_image
from lineproof.engine.contract import INPUT
from lineproof.engine.letterbox import Letterbox
from lineproof.engine.spec import EngineSpec
from lineproof.errors import GateError

# Ranges of two real datasets (steel strip, magnetic tile) no longer move a score after about a hundred images.
CALIBRATION_IMAGES = 128


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value seen."""

    low: float
    high: float

    @property
    def magnitude(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))


def calibration_images(
    samples: Sequence[Sample], spec: EngineSpec, count: int = CALIBRATION_IMAGES
) -> Iterator[NDArray[np.uint8]]:
    """Inputs `(1, H, W, C)` of samples spread evenly over the list, made as the engine makes them.

    With tiles, one of each sample: of the first the first, of the second the second, so that every place is seen.
    Each is valid until the next is taken: the buffer is the engine's own and reused.
    """
    letterbox = Letterbox(spec.input_wh, dynamic=spec.dynamic, pad_value=spec.pad_value, channels=spec.channels)
    for turn, index in enumerate(np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)):
        image = read_image(samples[index].image)
        if spec.tiles is not None:
            tiles = spec.tiles.grid((image.shape[1], image.shape[0]))
            image = tiles[turn % len(tiles)].cut(image)
        yield letterbox.fill(image)[0]


def activation_ranges(model: bytes, images: Iterable[NDArray[np.uint8]]) -> dict[str, Range]:
    """The range of every float tensor that a node of the model makes, over all images.

    One image is in memory at a time, and of it two numbers per tensor leave the session.

    Raises:
        GateError: there are no images, or a value is not finite.
    """
    session, names = _observing(model)
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    seen = 0
    for image in images:
        extremes = np.array(session.run(None, {INPUT: image}), np.float64).reshape(-1, 2)
        low, high = np.minimum(low, extremes[:, 0]), np.maximum(high, extremes[:, 1])
        seen += 1
    if not seen:
        raise GateError("there are no images to calibrate with", hint="the dataset needs a training split")
    ranges = {name: Range(float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
    broken = next((name for name, found in ranges.items() if not np.isfinite(found.magnitude)), None)
    if broken:
        raise GateError(f"the model computes values that are not finite at {broken}", hint="train it again")
    return ranges


def cpu_session(model: bytes) -> ort.InferenceSession:
    """A plain session on the CPU, for looking into a model rather than for running a line."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Names of the float tensors that nodes of the model make, in the order of the nodes."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    floats = {v.name for v in (*graph.value_info, *graph.output) if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return [name for node in graph.node for name in node.output if name in floats]


def with_outputs(model: onnx.ModelProto, outputs: Mapping[str, Sequence[int | str] | None]) -> bytes:
    """A copy that gives these float tensors and nothing else; the model is left as it is."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()
    )
    data: bytes = copy.SerializeToString()
    return data


def _observing(model: bytes) -> tuple[ort.InferenceSession, list[str]]:
    """A session that gives two numbers for each float tensor, and the tensors' names."""
    graph_model = onnx.load_from_string(model)
    names = float_tensors(graph_model)
    outputs: dict[str, Sequence[int | str] | None] = {}
    for name in names:
        for kind in ("Min", "Max"):
            graph_model.graph.node.append(helper.make_node(f"Reduce{kind}", [name], [f"{name}:{kind}"], keepdims=0))
            outputs[f"{name}:{kind}"] = []
    return cpu_session(with_outputs(graph_model, outputs)), names
