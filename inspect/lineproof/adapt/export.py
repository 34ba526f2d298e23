"""Trained network to ONNX: preprocessing inside the graph, one file, checked."""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import torch
from onnx import numpy_helper
from torch import nn
from ultralytics.nn.modules.head import Detect, Segment
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.graph import MapsGraph, RowsGraph, strides_of
from lineproof.bundle.manifest import InputSpec, Layout, OutputForm, Task
from lineproof.bundle.precisions import Precision
from lineproof.core.tiles import Tiling
from lineproof.engine.contract import INPUT
from lineproof.engine.letterbox import STRIDE
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import GateError, InputError

# Read by onnxruntime since 1.12 and by TensorRT since 8.6; nothing in the graph needs a later one.
OPSET = 17


@dataclass(frozen=True, slots=True)
class Exported:
    """An ONNX model and what its manifest must say about it."""

    onnx: bytes
    task: Task
    classes: tuple[str, ...]
    input_wh: tuple[int, int]
    dynamic: bool = False
    channels: int = 3
    outputs: OutputForm = "maps"
    strides: tuple[int, ...] = (8, 16, 32)
    precision: Precision = "fp32"
    tiles: Tiling | None = None  # how the network's training images were cut
    averaged: bool = False  # where boxes lie, see `EngineSpec`

    def spec(self, score_floor: float) -> EngineSpec:
        """The engine's contract for this model."""
        return EngineSpec(
            self.task,
            self.classes,
            self.input_wh,
            self.dynamic,
            self.channels,
            self.outputs,
            self.strides,
            self.precision,
            score_floor=score_floor,
            averaged=self.averaged,
            tiles=self.tiles,
        )

    @property
    def input_spec(self) -> InputSpec:
        """The manifest's words for the input."""
        width, height = self.input_wh
        layout: Layout = "uint8 GRAY HWC" if self.channels == 1 else "uint8 BGR HWC"
        return InputSpec(width=width, height=height, dynamic=self.dynamic, layout=layout)


def export_onnx(
    model: BaseModel,
    input_wh: tuple[int, int],
    *,
    dynamic: bool = False,
    channels: int = 3,
    outputs: OutputForm = "maps",
) -> Exported:
    """Export a trained ultralytics YOLOv8 or YOLO11 detection or segmentation network; the model is left as it is.

    Input `image (N, height, width, channels)` uint8, letterboxed; N is the symbolic `batch`. `channels=1` takes the
    luminance alone, for cameras without colour. Outputs as in `MapsGraph` or `RowsGraph`.

    Raises:
        InputError: another kind of network, a size that is not a multiple of 32, or rows of dynamic size.
    """
    if any(side % STRIDE or side < STRIDE for side in input_wh):
        raise InputError(f"model input {input_wh[0]}×{input_wh[1]}: sides must be multiples of {STRIDE}")
    if dynamic and outputs == "rows":
        raise InputError("rows need a fixed input size", hint="drop --dynamic, or export with --outputs maps")
    task = task_of(model)
    strides = strides_of(model.model[-1])
    unfinished = Exported(b"", task, class_names(model), input_wh, dynamic, channels, outputs, strides)
    maps = MapsGraph(_fused_copy(model), channels=channels)
    graph = RowsGraph(maps, input_wh) if outputs == "rows" else maps
    exported = replace(unfinished, onnx=to_onnx(graph, unfinished))
    check_export(exported)
    return exported


def task_of(model: BaseModel) -> Task:
    """The task of a network, by its head; raises InputError for one whose outputs the engine cannot read."""
    head = model.model[-1]
    kind = type(head)
    if kind not in (Detect, Segment) or getattr(head, "one2one_cv2", None) is not None:
        raise InputError(
            f"a network with a {kind.__name__} head cannot be exported", hint="train from a YOLOv8 or YOLO11 base"
        )
    return "segment" if kind is Segment else "detect"


def class_names(model: BaseModel) -> tuple[str, ...]:
    """Class names by id, as the trainer stored them on the network."""
    return tuple(str(name) for _, name in sorted(model.names.items()))


def _fused_copy(model: BaseModel) -> BaseModel:
    """A float copy on the CPU with batch norms folded into their convolutions."""
    fresh = copy.deepcopy(model).cpu().float().eval()
    for parameter in fresh.parameters():
        parameter.requires_grad_(requires_grad=False)
    return fresh.fuse(verbose=False)


def to_onnx(graph: nn.Module, of: Exported) -> bytes:
    """One file with the graph, its input and outputs named as the engine reads them; N is open."""
    names = of.spec(0.5).file_outputs
    image = torch.zeros(1, of.input_wh[1], of.input_wh[0], of.channels, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is deprecated in favour of one that needs a further package, and tracing remarks upon
        # ultralytics' branches on constants.
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            graph.eval(),
            (image,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(names),
            dynamic_axes=_symbolic(names, dynamic=of.dynamic),
        )
        slim = onnxslim.slim(onnx.load(path))
    data: bytes = slim.SerializeToString()
    return data


def _symbolic(names: tuple[str, ...], *, dynamic: bool) -> dict[str, dict[int, str]]:
    """Names of the sizes that are open: the batch always, of dynamic models height and width, and so every map's."""
    axes = {name: {0: "batch"} for name in (INPUT, *names)}
    if dynamic:
        axes[INPUT] |= {1: "height", 2: "width"}
        for name in names:
            axes[name] |= {2: f"{name}_height", 3: f"{name}_width"}
    return axes


def check_export(exported: Exported) -> None:
    """Well-formed by ONNX's own checker, safe for TensorRT, and openable by the engine under its manifest's contract.

    Raises:
        GateError: a whole number in it does not survive 32 bits.
    """
    model = onnx.load_from_string(exported.onnx)
    onnx.checker.check_model(model, full_check=True)
    _check_whole_numbers(model)
    OnnxEngine.from_model(exported.onnx, exported.spec(0.5), "cpu", threads=1)


def _check_whole_numbers(model: onnx.ModelProto) -> None:
    """TensorRT clamps INT64 constants to 32 bits; an index or a bound that is clamped can empty the outputs silently."""
    limits = np.iinfo(np.int32)
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.INT64:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size and (values.min() < limits.min or values.max() > limits.max):
            raise GateError(
                f"the exported graph's constant {tensor.name} does not fit into 32 bits, which TensorRT needs"
            )
