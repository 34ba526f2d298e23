"""A model small enough to reason about: 64×64 input, sixteen cells of 16 px, one box per cell.

Class `blue` scores by the mean blue of the cell, class `red` by its mean red; the mask is where green is above one half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lineproof.bundle import Bundle, ClassThreshold, InputSpec, Manifest, seal
from lineproof.bundle.manifest import Task
from lineproof.bundle.probes import Probe
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec

SIZE, CELL = 64, 16
CLASSES = ("blue", "red")


def tiny_model(task: Task = "detect", *, gain: float = 1 / 255, names: tuple[str, ...] | None = None) -> bytes:
    """The ONNX file; `gain` turns byte means into scores, `names` renames the outputs."""
    cells = SIZE // CELL
    count = cells * cells
    y, x = np.divmod(np.arange(count), cells)
    boxes = np.stack([x, y, x + 1, y + 1], 1).astype(np.float32) * CELL
    constants = {
        "blue_red": np.array([0, 2], np.int64),
        "green": np.array([1], np.int64),
        "rows": np.array([-1, 2, count], np.int64),
        "gain": np.array(gain, np.float32),
        "anchors": boxes[None],
        "zero": np.array(0, np.float32),
        "half": np.array(127.5, np.float32),
        "ones": np.ones((1, count, 1), np.float32),
        "class_axis": np.array([2], np.int64),
    }
    out = names or ("boxes", "scores", "coefficients", "prototypes")
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes_bgr"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes_bgr"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Gather", ["means", "blue_red"], ["two"], axis=1),
        helper.make_node("Reshape", ["two", "rows"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["by_cell"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["by_cell", "gain"], [out[1]]),
        helper.make_node("ReduceSum", ["by_cell", "class_axis"], ["sums"]),
        helper.make_node("Mul", ["sums", "zero"], ["zeros"]),  # (batch, count, 1): boxes as many times as images
        helper.make_node("Add", ["anchors", "zeros"], [out[0]]),
    ]
    outputs = [_output(out[0], ["batch", count, 4]), _output(out[1], ["batch", count, 2])]
    if task == "segment":
        nodes += [
            helper.make_node("Gather", ["planes_bgr", "green"], ["green_plane"], axis=1),
            helper.make_node("AveragePool", ["green_plane"], ["quarter"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Sub", ["quarter", "half"], [out[3]]),
            helper.make_node("Add", ["ones", "zeros"], [out[2]]),
        ]
        outputs += [_output(out[2], ["batch", count, 1]), _output(out[3], ["batch", 1, SIZE // 4, SIZE // 4])]
    return model_of("tiny", nodes, outputs, constants)


def model_of(
    name: str, nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto], constants: dict[str, np.ndarray]
) -> bytes:
    """A checked ONNX file that takes `image (batch, SIZE, SIZE, 3)`."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        outputs,
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _output(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def tiny_spec(task: Task = "detect", **changes: object) -> EngineSpec:
    """The engine's contract for the tiny model; the letterbox grey scores 0.45."""
    facts: dict[str, object] = {
        "task": task,
        "classes": CLASSES,
        "input_wh": (SIZE, SIZE),
        "outputs": "rows",
        "strides": (CELL,),
        "score_floor": 0.46,
    }
    return EngineSpec(**{**facts, **changes})


def tiny_engine(task: Task = "detect", **changes: object) -> OnnxEngine:
    """A running engine."""
    return OnnxEngine.from_model(tiny_model(task), tiny_spec(task, **changes), "cpu", threads=1)


def tiny_manifest(task: Task = "detect", **changes: object) -> Manifest:
    """The manifest of the tiny model; sure from 0.8, review from 0.6."""
    facts: dict[str, object] = {
        "name": "tiny",
        "task": task,
        "classes": CLASSES,
        "input": InputSpec(width=SIZE, height=SIZE),
        "outputs": "rows",
        "strides": (CELL,),
        "thresholds": {name: ClassThreshold(score=0.8, review_score=0.6) for name in CLASSES},
        "score_floor": 0.46,
        "nms_iou": 0.7,
        "max_detections": 300,
    }
    return Manifest(**{**facts, **changes})


def part(*cells: tuple[int, int, tuple[int, int, int]], size: int = SIZE) -> np.ndarray:
    """A black 64×64 BGR image with some cells (column, row, colour) painted."""
    image = np.zeros((size, size, 3), np.uint8)
    for column, row, colour in cells:
        image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = colour
    return image


PARTS = {
    "ok.png": part(),
    "blue.png": part((1, 2, (255, 0, 0))),
    "red and blue.png": part((0, 0, (0, 200, 255)), (3, 3, (230, 200, 0))),
}


def tiny_bundle(out: Path, task: Task = "detect", **changes: object) -> Bundle:
    """A sealed bundle of the tiny model with three probes."""
    engine = tiny_engine(task)
    probes = tuple(Probe(name, image, engine.detect(image)[0]) for name, image in PARTS.items())
    return seal(out, tiny_manifest(task, **changes), tiny_model(task), probes)
