"""Trained network to ONNX: preprocessing and box decoding inside the graph, one file, checked."""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxslim
import torch
from torch import Tensor, nn
from ultralytics.nn.modules.head import Detect, Segment
from ultralytics.nn.tasks import BaseModel

from lineproof.bundle.manifest import Task
from lineproof.engine.contract import INPUT, OUTPUTS
from lineproof.engine.letterbox import STRIDE
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import InputError

# Read by onnxruntime since 1.12 and by TensorRT since 8.6; nothing in the graph needs a later one.
OPSET = 17

# Symbolic sizes by output, for models of dynamic shape.
_DYNAMIC_AXES = {
    INPUT: {1: "height", 2: "width"},
    "boxes": {0: "anchors"},
    "scores": {0: "anchors"},
    "coefficients": {0: "anchors"},
    "prototypes": {1: "mask_height", 2: "mask_width"},
}


@dataclass(frozen=True, slots=True)
class Exported:
    """An ONNX model and what its manifest must say about it."""

    onnx: bytes
    task: Task
    classes: tuple[str, ...]
    input_wh: tuple[int, int]
    dynamic: bool


def export_onnx(model: BaseModel, input_wh: tuple[int, int], *, dynamic: bool = False) -> Exported:
    """Export a trained ultralytics YOLOv8 or YOLO11 detection or segmentation network; the model is left as it is.

    Input `image (1, height, width, 3)` uint8 BGR, letterboxed. Outputs `boxes (A, 4)` xyxy in input pixels and
    `scores (A, classes)` 0..1; for segmentation also `coefficients (A, m)` and `prototypes (m, height/4, width/4)`.

    Raises:
        InputError: another kind of network, or a size that is not a multiple of 32.
    """
    if any(side % STRIDE or side < STRIDE for side in input_wh):
        raise InputError(f"model input {input_wh[0]}×{input_wh[1]}: sides must be multiples of {STRIDE}")
    task = task_of(model)
    graph = _RuntimeGraph(_fused_copy(model), input_wh, dynamic=dynamic)
    data = _to_onnx(graph, task, input_wh, dynamic=dynamic)
    exported = Exported(data, task, class_names(model), input_wh, dynamic)
    _check(exported)
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


class _RuntimeGraph(nn.Module):
    """The network from camera bytes to decoded boxes, as one straight graph.

    Two things are folded away: colour order and /255 live in the first convolution's weights (its zero padding is zero
    either way), and the distribution of each box side is one softmax over the innermost axis and one product.
    """

    bins: Tensor  # (bins, 1) 0, 1, 2, …
    centres: Tensor  # (A, 2) cell centres, in cells
    scales: Tensor  # (A, 1) input pixels per cell

    def __init__(self, model: BaseModel, input_wh: tuple[int, int], *, dynamic: bool) -> None:
        super().__init__()
        *body, head = model.model
        self.body = nn.ModuleList(body)
        self.routes: list[int | list[int]] = [layer.f for layer in body]
        self.head: Detect = head
        self.dynamic = dynamic
        self.strides = [int(stride) for stride in head.stride.tolist()]
        first = body[0].conv
        first.weight.copy_(first.weight[:, [2, 1, 0]] / 255)
        self.register_buffer("bins", torch.arange(head.reg_max, dtype=torch.float32).reshape(-1, 1))
        width, height = input_wh
        grids = [_grid(torch.ones(1, 1, height // s, width // s)) for s in self.strides]
        scales = [torch.full((len(g), 1), float(s)) for g, s in zip(grids, self.strides, strict=True)]
        self.register_buffer("centres", torch.cat(grids))
        self.register_buffer("scales", torch.cat(scales))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        features = self._features(image.float().permute(0, 3, 1, 2))
        raw = self.head.forward_head(features, **self.head.one2many)
        boxes = self._boxes(raw["boxes"].squeeze(0), features)
        scores = raw["scores"].squeeze(0).sigmoid().transpose(0, 1)
        if not isinstance(self.head, Segment):
            return boxes, scores
        coefficients = raw["mask_coefficient"].squeeze(0).transpose(0, 1)
        return boxes, scores, coefficients, self.head.proto(features[0]).squeeze(0)

    def _features(self, x: Tensor) -> list[Tensor]:
        """The head's inputs; each layer takes the last result or earlier ones, as its route says."""
        results: list[Tensor] = []
        for layer, sources in zip(self.body, self.routes, strict=True):
            x = layer(_sources(sources, x, results))
            results.append(x)
        return list(_sources(self.head.f, x, results))

    def _boxes(self, sides: Tensor, features: list[Tensor]) -> Tensor:
        """`(A, 4)` xyxy in input pixels from `(4 × bins, A)` logits of the distances to left, top, right, bottom."""
        logits = sides.reshape(4, len(self.bins), -1).permute(2, 0, 1)
        distance = (logits.softmax(-1) @ self.bins).squeeze(-1)
        centres, scales = self._anchors(features) if self.dynamic else (self.centres, self.scales)
        return torch.cat([centres - distance[:, :2], centres + distance[:, 2:]], 1) * scales

    def _anchors(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Cell centres `(A, 2)` and strides `(A, 1)` for whatever size came in."""
        grids = [_grid(torch.ones_like(level[:, :1])) for level in features]
        scales = [torch.ones_like(grid[:, :1]) * s for grid, s in zip(grids, self.strides, strict=True)]
        return torch.cat(grids), torch.cat(scales)


def _sources(which: int | list[int], last: Tensor, results: list[Tensor]) -> Tensor | list[Tensor]:
    """The inputs a layer asks for: `-1` is the last result."""
    if isinstance(which, int):
        return last if which == -1 else results[which]
    return [last if index == -1 else results[index] for index in which]


def _grid(ones: Tensor) -> Tensor:
    """Centres `(h × w, 2)` of the cells of a `(1, 1, h, w)` map, in cells; counted by cumulative sums of ones."""
    x, y = ones.cumsum(3) - 0.5, ones.cumsum(2) - 0.5
    return torch.cat([x, y], 1).reshape(2, -1).transpose(0, 1)


def _to_onnx(graph: nn.Module, task: Task, input_wh: tuple[int, int], *, dynamic: bool) -> bytes:
    names = OUTPUTS[task]
    axes = {name: _DYNAMIC_AXES[name] for name in (INPUT, *names)} if dynamic else None
    image = torch.zeros(1, input_wh[1], input_wh[0], 3, dtype=torch.uint8)
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
            dynamic_axes=axes,
        )
        slim = onnxslim.slim(onnx.load(path))
    data: bytes = slim.SerializeToString()
    return data


def _check(exported: Exported) -> None:
    """Well-formed by ONNX's own checker, and openable by the engine under the contract the manifest will state."""
    onnx.checker.check_model(onnx.load_from_string(exported.onnx), full_check=True)
    spec = EngineSpec(exported.task, exported.classes, exported.input_wh, exported.dynamic)
    OnnxEngine.from_model(exported.onnx, spec, "cpu", threads=1)
