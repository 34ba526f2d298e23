"""Other runtimes behind the engine's own interface, so that pre- and postprocessing are the same for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import cast

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lineproof.engine.contract import INPUT
from lineproof.engine.sessions.session import Port, Session
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError

Arrays = tuple[NDArray[np.float32], ...]

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # int8 is in the file; the rest runs in float


class OpenVinoRun:
    """A model compiled by OpenVINO for the CPU, for one image at a time."""

    def __init__(self, model: Path, threads: int, precision: str = "fp32") -> None:
        """`threads` 0: OpenVINO's own choice."""
        # As in the engine: its telemetry is not even loaded.
        sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))
        import openvino

        core = openvino.Core()
        graph = core.read_model(model)
        graph.reshape([1 if axis == 0 else size for axis, size in enumerate(graph.inputs[0].partial_shape)])
        hints: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _HINTS[precision]}
        if threads:
            hints["INFERENCE_NUM_THREADS"] = threads
        self._compiled = core.compile_model(graph, "CPU", hints)
        self._request = self._compiled.create_infer_request()
        source = self._compiled.inputs[0]
        self.input = Port(source.any_name, np.dtype(source.element_type.to_dtype()).name, tuple(source.shape))
        self.output_names = tuple(output.any_name for output in self._compiled.outputs)

    def infer(self, image: NDArray[np.generic]) -> Arrays:
        """One run; the arrays are valid until the next."""
        results = self._request.infer([image], share_inputs=True, share_outputs=True)
        return tuple(results[index] for index in range(len(self.output_names)))


class _Peer:
    """What the engine wants to know of a session."""

    precision = "fp32"
    max_batch = 1

    def __init__(self, provider: str, spec: EngineSpec) -> None:
        width, height = spec.input_wh
        self.provider = provider
        self.input = Port(INPUT, "uint8", (1, height, width, spec.channels))
        self.outputs: tuple[Port, ...] = ()

    def input_buffer(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Plain memory."""
        return np.empty(shape, np.uint8)

    def close(self) -> None:
        """Nothing is held that the end of the process does not give back."""


class OpenVinoSession(_Peer):
    """Plain OpenVINO in f32 on the bundle's own model."""

    def __init__(self, model: Path, spec: EngineSpec, threads: int) -> None:
        super().__init__("OpenVINO", spec)
        self._run = OpenVinoRun(model, threads)
        self._order = [self._run.output_names.index(name) for name in spec.output_names]

    def run(self, images: NDArray[np.uint8]) -> Arrays:
        """Outputs in the order of the contract."""
        arrays = self._run.infer(images)
        return tuple(arrays[index] for index in self._order)


class OpenCvSession(_Peer):
    """OpenCV's DNN module on the bundle's own model."""

    def __init__(self, model: Path, spec: EngineSpec) -> None:
        """Raises cv2.error when OpenCV cannot read or run it."""
        super().__init__("OpenCV DNN", spec)
        self._net = cv2.dnn.readNetFromONNX(str(model))
        self._names = list(spec.output_names)
        width, height = spec.input_wh
        self.run(np.zeros((1, height, width, spec.channels), np.uint8))

    def run(self, images: NDArray[np.uint8]) -> Arrays:
        """Outputs in the order of the contract."""
        self._net.setInput(images, INPUT)
        return tuple(np.asarray(array, np.float32) for array in self._net.forward(self._names))


class StockSession(_Peer):
    """ultralytics' own export between what the engine gives and wants: a float blob in, decoded rows out."""

    def __init__(self, forward: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]], spec: EngineSpec) -> None:
        super().__init__("CPUExecutionProvider", rows(spec))
        self._forward = forward
        self._classes = len(spec.classes)

    def run(self, images: NDArray[np.uint8]) -> Arrays:
        """Boxes `(1, A, 4)`, scores `(1, A, classes)`, for segmentation coefficients `(1, A, m)` and prototypes."""
        blob = np.asarray(cv2.dnn.blobFromImage(images[0], 1 / 255, swapRB=True), np.float32)
        table, *prototypes = self._forward(blob)
        rows = table.transpose(0, 2, 1)
        half = rows[..., 2:4] / 2
        boxes = np.concatenate([rows[..., :2] - half, rows[..., :2] + half], 2)
        end = 4 + self._classes
        return (boxes, rows[..., 4:end], rows[..., end:], *prototypes) if prototypes else (boxes, rows[..., 4:end])


def stock_ort(model: Path, threads: int) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """The stock export in onnxruntime as it comes."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def forward(blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        arrays: list[NDArray[np.float32]] = session.run(None, {name: blob})
        return arrays

    return forward


def rows(spec: EngineSpec) -> EngineSpec:
    """The contract of a `StockSession`."""
    return replace(spec, outputs="rows", channels=3)


def open_opencv(model: Path, stock: str, spec: EngineSpec) -> tuple[Session, EngineSpec, str]:
    """OpenCV on the bundle's own model, else on the stock export; with the contract and what to say of it.

    Raises:
        EngineError: it can read neither.
    """
    try:
        return OpenCvSession(model, spec), spec, ""
    except cv2.error as error:
        why = _first_line(error)
    if not stock:
        raise EngineError(f"OpenCV {cv2.__version__} cannot run model.onnx ({why})")
    try:
        net = cv2.dnn.readNetFromONNX(stock)
        session = StockSession(lambda blob: _forward(net, blob), spec)
        width, height = spec.input_wh
        session.run(np.zeros((1, height, width, 3), np.uint8))
    except cv2.error as error:
        raise EngineError(f"OpenCV {cv2.__version__} cannot run the stock export ({_first_line(error)})") from None
    session.provider = "OpenCV DNN"
    return session, rows(spec), "on the stock export, as it cannot run model.onnx"


def _forward(net: cv2.dnn.Net, blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    net.setInput(blob)
    return [np.asarray(array, np.float32) for array in net.forward(net.getUnconnectedOutLayersNames())]


def _first_line(error: cv2.error) -> str:
    text = (error.err or str(error)).strip()
    return text.splitlines()[0][:160] if text else "no reason given"
