"""onnxruntime on an NVIDIA GPU: kept device buffers, page-locked host memory, recorded runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lineproof.engine.sessions.cuda_runtime import CudaRuntime
from lineproof.engine.sessions.gpu_errors import is_lost, run_error
from lineproof.engine.sessions.gpu_options import records_graphs
from lineproof.engine.sessions.gpu_wheel import CHAINS
from lineproof.engine.sessions.ort_errors import ORT_ERRORS, port_of
from lineproof.engine.sessions.session import Outputs, Port, SessionWish, Shape, output_shapes
from lineproof.errors import EngineError

_TURN_S = 10.0  # a run takes milliseconds: one that holds the GPU for so long hangs
_SHAPES_KEPT = 16  # of a dynamic model, whose frames may differ; the oldest buffers go


@dataclass(frozen=True, slots=True, eq=False)
class _Buffers:
    """Device memory of one input shape, bound once: recorded runs need addresses that never change."""

    binding: ort.IOBinding
    options: ort.RunOptions
    image: ort.OrtValue
    outputs: tuple[ort.OrtValue, ...]


class GpuSession:
    """One session of the CUDA or TensorRT provider; callers take turns, results lie in each thread's own memory."""

    def __init__(self, session: ort.InferenceSession, wish: SessionWish, cuda: CudaRuntime) -> None:
        """Take a finished session; `gpu_opening.open_gpu` builds one."""
        self.provider = CHAINS[wish.provider][0]
        self.precision = arithmetic(wish)
        self.max_batch = wish.max_batch
        self.input = port_of(session.get_inputs()[0])
        found = {value.name: port_of(value) for value in session.get_outputs()}
        self.outputs = tuple(found[name] for name in wish.output_names)
        self._device_id = wish.device_id
        self._graphs = records_graphs(wish)
        self._cuda = cuda
        self._session: ort.InferenceSession | None = session
        self._buffers: dict[Shape, _Buffers] = {}
        self._results = threading.local()
        self._turn = threading.Lock()
        self._lost = ""

    def input_buffer(self, shape: Shape) -> NDArray[np.uint8]:
        """Page-locked memory: the GPU fetches it directly, where plain memory is first copied by the driver."""
        return self._cuda.page_locked(shape, np.uint8)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """One run; see `Session.run`. Outputs of an fp16 model come as float16."""
        if len(images) > self.max_batch:
            raise EngineError(f"{len(images)} images at once, the session was opened for {self.max_batch}")
        with self._my_turn() as session:
            try:
                return self._run(session, np.ascontiguousarray(images))
            except ORT_ERRORS as error:
                if is_lost(error):
                    self._lost = str(error)
                raise run_error(error) from None

    def close(self) -> None:
        """Give the device memory back after the run under way."""
        with self._turn:
            self._buffers.clear()
            self._session = None

    @contextmanager
    def _my_turn(self) -> Iterator[ort.InferenceSession]:
        """The GPU for one caller: a recording must never be replayed from two threads at once."""
        if not self._turn.acquire(timeout=_TURN_S):
            raise EngineError(f"the GPU has not finished a run for {_TURN_S:g} s", hint="restart lineproof")
        try:
            if self._lost:
                raise run_error(RuntimeError(self._lost))
            if self._session is None:
                raise EngineError("the session is closed")
            yield self._session
        finally:
            self._turn.release()

    def _run(self, session: ort.InferenceSession, images: NDArray[np.uint8]) -> Outputs:
        self._cuda.use_device()
        buffers = self._buffers_for(session, images.shape)
        self._cuda.to_device(buffers.image.data_ptr(), images)
        session.run_with_iobinding(buffers.binding, buffers.options)
        results = self._results_for(images.shape, buffers)
        for array, value in zip(results, buffers.outputs, strict=True):
            self._cuda.to_host(array, value.data_ptr())
        return results

    def _buffers_for(self, session: ort.InferenceSession, shape: Shape) -> _Buffers:
        kept = self._buffers.get(shape)
        if kept is None:
            _make_room(self._buffers)
            shapes = output_shapes(self.outputs, shape[0]) or self._measured_shapes(session, shape)
            kept = self._buffers[shape] = self._bound(session, shape, shapes)
        return kept

    def _bound(self, session: ort.InferenceSession, shape: Shape, output_shapes: tuple[Shape, ...]) -> _Buffers:
        image = self._on_device(shape, self.input)
        outputs = tuple(self._on_device(size, port) for size, port in zip(output_shapes, self.outputs, strict=True))
        binding = session.io_binding()
        binding.bind_ortvalue_input(self.input.name, image)
        for port, value in zip(self.outputs, outputs, strict=True):
            binding.bind_ortvalue_output(port.name, value)
        options = ort.RunOptions()
        if self._graphs:
            options.add_run_config_entry("gpu_graph_id", str(shape[0]))  # one recording per batch size; 0 is reserved
        return _Buffers(binding, options, image, outputs)

    def _measured_shapes(self, session: ort.InferenceSession, shape: Shape) -> tuple[Shape, ...]:
        """Output shapes by one run whose outputs onnxruntime allocates itself (dynamic models; never recorded)."""
        binding = session.io_binding()
        binding.bind_ortvalue_input(self.input.name, self._on_device(shape, self.input))
        for port in self.outputs:
            binding.bind_output(port.name, "cuda", self._device_id)
        session.run_with_iobinding(binding, ort.RunOptions())
        return tuple(tuple(value.shape()) for value in binding.get_outputs())

    def _on_device(self, shape: Shape, port: Port) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), np.dtype(port.dtype), "cuda", self._device_id)

    def _results_for(self, shape: Shape, buffers: _Buffers) -> Outputs:
        """Page-locked arrays of the calling thread: another thread's run must not change what this one reads."""
        if not hasattr(self._results, "kept"):
            self._results.kept = {}
        kept: dict[Shape, tuple[NDArray[Any], ...]] = self._results.kept
        if shape not in kept:
            _make_room(kept)
            sizes = [tuple(value.shape()) for value in buffers.outputs]
            pairs = zip(sizes, self.outputs, strict=True)
            kept[shape] = tuple(self._cuda.page_locked(size, port.dtype) for size, port in pairs)
        return kept[shape]


def arithmetic(wish: SessionWish) -> str:
    """In which precision the provider computes: CUDA takes a bf16 bundle as the fp32 file it is, and QDQ in fp32."""
    if wish.provider == "tensorrt":
        return wish.precision
    return "fp16" if wish.precision == "fp16" else "fp32"


def _make_room(kept: dict[Shape, Any]) -> None:
    if len(kept) >= _SHAPES_KEPT:
        del kept[next(iter(kept))]
