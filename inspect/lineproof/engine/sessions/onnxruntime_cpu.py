"""onnxruntime on the CPU."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lineproof.engine.sessions.cores import quota, thread_count, usable_cores, worker_affinities
from lineproof.engine.sessions.ort_errors import ORT_ERRORS, first_line, port_of
from lineproof.engine.sessions.session import Outputs, SessionWish, Shape, names_fit, output_shapes, with_batch
from lineproof.errors import EngineError

PROVIDER = "CPUExecutionProvider"
BATCH = "batch"  # the symbolic dimension of an exported model
# What fails is raised, and told in one line; onnxruntime's own would stand between the lines of the technician's screen.
_FATAL = 4


@dataclass(slots=True, eq=False)
class _Bound:
    """One thread's outputs for one input shape: fresh ones are copied by onnxruntime, 2 MB a run at 640 px."""

    binding: ort.IOBinding
    outputs: Outputs
    input_address: int = 0


class _Threads(threading.local):
    """What belongs to the calling thread."""

    def __init__(self) -> None:
        self.bound: dict[Shape, _Bound] = {}


class CpuSession:
    """One onnxruntime session; its pool of threads serves every caller."""

    provider = PROVIDER

    def __init__(self, session: ort.InferenceSession, wish: SessionWish) -> None:
        """Take a finished session; `open_cpu` builds one."""
        # An fp16 file is computed in fp32 on a CPU (onnxruntime widens it), a bf16 bundle is the fp32 file.
        self.precision = "int8" if wish.precision == "int8" else "fp32"
        self.max_batch = wish.max_batch
        self.input = port_of(session.get_inputs()[0])
        found = {value.name: port_of(value) for value in session.get_outputs()}
        self.outputs = tuple(found[name] for name in wish.output_names)
        self._names = list(wish.output_names)
        self._session: ort.InferenceSession | None = session
        self._threads = _Threads()

    def input_buffer(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Plain memory: the runtime reads it in place."""
        return np.empty(shape, np.uint8)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """One run; see `Session.run`. Of a model with open sizes the arrays are fresh."""
        session = self._session
        if session is None:
            raise EngineError("the session is closed")
        try:
            bound = self._bound_for(session, images.shape)
            if bound is None:
                return tuple(session.run(self._names, {self.input.name: images}))
            self._bind_input(bound, np.ascontiguousarray(images))
            session.run_with_iobinding(bound.binding)
        except ORT_ERRORS as error:
            raise EngineError(f"the run failed: {first_line(error)}") from None
        return bound.outputs

    def close(self) -> None:
        """Let go of the session; runs under way keep it until they end."""
        self._session = None
        self._threads = _Threads()

    def _bound_for(self, session: ort.InferenceSession, shape: Shape) -> _Bound | None:
        """The calling thread's buffers for this many images; None when the model does not state their sizes."""
        bound = self._threads.bound.get(shape)
        if bound is None:
            known = output_shapes(self.outputs, shape[0])
            if known is None or with_batch(self.input.shape, shape[0]) != shape:
                return None
            bound = self._threads.bound[shape] = self._bound(session, known)
        return bound

    def _bound(self, session: ort.InferenceSession, shapes: tuple[Shape, ...]) -> _Bound:
        binding, outputs = session.io_binding(), []
        for port, shape in zip(self.outputs, shapes, strict=True):
            array = np.empty(shape, port.dtype)
            binding.bind_output(port.name, "cpu", 0, array.dtype.type, shape, array.ctypes.data)
            outputs.append(array)
        return _Bound(binding, tuple(outputs))

    def _bind_input(self, bound: _Bound, images: NDArray[np.uint8]) -> None:
        address = images.ctypes.data
        if address != bound.input_address:
            bound.binding.bind_input(self.input.name, "cpu", 0, np.uint8, images.shape, address)
            bound.input_address = address


def open_cpu(model: bytes, wish: SessionWish) -> CpuSession:
    """Build the session; raises EngineError when the model cannot be loaded."""
    try:
        session = ort.InferenceSession(model, cpu_options(wish), providers=[PROVIDER], enable_fallback=0)
    except ORT_ERRORS as error:
        raise unloadable(error) from None
    check_names(session, wish)
    return CpuSession(session, wish)


def cpu_options(wish: SessionWish) -> ort.SessionOptions:
    """Threads, batch and memory of a session on the CPU."""
    options = common_options(wish)
    cores = usable_cores()
    threads = thread_count(wish.threads, cores, quota())
    options.intra_op_num_threads = threads
    pinned = worker_affinities(threads, cores)
    if pinned:
        text = ";".join(",".join(str(cpu + 1) for cpu in group) for group in pinned)  # onnxruntime counts from 1
        options.add_session_config_entry("session.intra_op_thread_affinities", text)
    # Threads spin for their next piece of a run, and stop at its end: yolov8n at 320 px on two cores 12.8 ms, where 14.9
    # without spinning, 12.4 when it goes on between runs – but that takes 1.4 cores at 30 fps instead of 0.8, from the
    # capture thread and everybody else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "0" if wish.spin else "1")
    # The pattern plans one block that the arena then holds besides its own: resident memory 145 against 123 MiB at
    # 640 px and 108 against 103 at 320 px, the same latency (±0.5 %). Without the arena it is no less (135–157 MiB) and
    # 3 % slower; extending it by what is asked, or keeping weights out of it, changes nothing (145 MiB).
    options.enable_mem_pattern = False
    return options


def common_options(wish: SessionWish) -> ort.SessionOptions:
    """What a session needs on every onnxruntime provider."""
    ort.set_default_logger_severity(_FATAL)  # what a provider says outside any session: dozens of lines from cuDNN
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.inter_op_num_threads = 1
    if wish.max_batch == 1:
        options.add_free_dimension_override_by_name(BATCH, 1)
    return options


def check_names(session: ort.InferenceSession, wish: SessionWish) -> None:
    """Raise EngineError unless the model has one input and exactly the outputs asked for."""
    got = [value.name for value in session.get_outputs()]
    if not names_fit(got, wish) or len(session.get_inputs()) != 1:
        inputs = ", ".join(value.name for value in session.get_inputs())
        raise EngineError(
            f"model.onnx: expected outputs {', '.join(wish.output_names)}, got {', '.join(got)} from {inputs}",
            hint="export the bundle again with this lineproof",
        )


def unloadable(error: Exception) -> EngineError:
    """A model onnxruntime does not take."""
    return EngineError(f"model.onnx cannot be loaded: {first_line(error)}", hint="export the bundle again")
