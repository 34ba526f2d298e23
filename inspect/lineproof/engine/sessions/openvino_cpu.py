"""OpenVINO on the CPU: the same ONNX bytes, and bf16 where the processor has it (extra `openvino`)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineproof.atomic import write_bytes
from lineproof.engine.sessions.cores import quota, thread_count, usable_cores
from lineproof.engine.sessions.engine_cache import EngineCache, Facts
from lineproof.engine.sessions.session import OpenSession, Outputs, Port, SessionWish, names_fit
from lineproof.errors import EngineError, ProviderError

if TYPE_CHECKING:
    import openvino

PROVIDER = "OpenVINO"

_BLOB = "model.blob"
_TELEMETRY = "openvino_telemetry"
# openvino raises RuntimeError of its own kinds; a wrong argument is a TypeError or ValueError of the binding.
_ERRORS = (RuntimeError, TypeError, ValueError)


class OpenVinoSession:
    """One compiled model and an inference request for each calling thread."""

    provider = PROVIDER

    def __init__(self, compiled: openvino.CompiledModel, wish: SessionWish, precision: str) -> None:
        """Take a compiled model; `open_openvino` builds one."""
        self.precision = precision
        self.max_batch = wish.max_batch
        self.input = _port_of(compiled.input(), compiled.input().any_name)
        places = {name: place for place, port in enumerate(compiled.outputs) for name in port.names}
        self._places = tuple(places[name] for name in wish.output_names)
        pairs = zip(self._places, wish.output_names, strict=True)
        self.outputs = tuple(_port_of(compiled.outputs[place], name) for place, name in pairs)
        self._compiled: openvino.CompiledModel | None = compiled
        self._requests = threading.local()

    def input_buffer(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Plain memory: the runtime reads it in place."""
        return np.empty(shape, np.uint8)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """One run; see `Session.run`. The arrays are views of the calling thread's own request."""
        request = self._request()
        try:
            found = request.infer({0: images}, share_inputs=True, share_outputs=True)
        except _ERRORS as error:
            raise EngineError(f"the run failed: {_last_line(error)}") from None
        return tuple(found[place] for place in self._places)

    def close(self) -> None:
        """Let go of the model; threads that still run keep theirs until they end."""
        self._compiled = None
        self._requests = threading.local()

    def _request(self) -> openvino.InferRequest:
        compiled = self._compiled
        if compiled is None:
            raise EngineError("the session is closed")
        if not hasattr(self._requests, "request"):
            self._requests.request = compiled.create_infer_request()
        request: openvino.InferRequest = self._requests.request
        return request


def installed() -> bool:
    """Whether the extra is there; nothing is imported."""
    return importlib.util.find_spec("openvino") is not None


def open_openvino(model: bytes, wish: SessionWish) -> OpenSession:
    """Compile the model, or load what an earlier start compiled: 55 ms in place of 230 (yolov8n, 320 px).

    Raises:
        ProviderError: openvino is not installed, or this processor has no bf16 and the bundle asks for it.
        EngineError: the model cannot be loaded.
    """
    core = _core()
    precision = _arithmetic(wish, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    settings = _settings(wish, precision)
    facts = _facts(core, wish, settings)
    kept = wish.cache.ready(facts) if wish.cache else None
    try:
        if kept is not None and kept.whole:
            blob = io.BytesIO((kept.folder / _BLOB).read_bytes())
            compiled = core.import_model(blob, "CPU", settings)
            return OpenSession(OpenVinoSession(compiled, wish, precision), cache_note="loaded from the cache")
        network = core.read_model(model)
        _check_names(network, wish)
        _fix_batch(network, wish.max_batch)
        compiled = core.compile_model(network, "CPU", settings)
        session = OpenVinoSession(compiled, wish, precision)
    except _ERRORS as error:
        raise EngineError(f"model.onnx cannot be loaded: {_last_line(error)}", hint="export the bundle again") from None
    note = _keep(compiled, wish.cache, facts, kept.why if kept else "") if wish.cache else ""
    return OpenSession(session, cache_note=note)


def _keep(compiled: openvino.CompiledModel, cache: EngineCache, facts: Facts, thrown_away: str) -> str:
    """Store the compiled model for the next start; a cache that cannot be written costs that start 0.2 s, no more."""

    def write(folder: Path) -> None:
        stream = io.BytesIO()
        compiled.export_model(stream)
        write_bytes(folder / _BLOB, stream.getvalue())

    try:
        cache.build(facts, write)
    except EngineError as error:
        return f"compiled, not kept: {error.message}"
    return f"compiled again: {thrown_away}" if thrown_away else "compiled"


def _facts(core: openvino.Core, wish: SessionWish, settings: Facts) -> dict[str, str]:
    """What a compiled model depends on."""
    return {
        "provider": PROVIDER,
        "processor": str(core.get_property("CPU", "FULL_DEVICE_NAME")),
        "capabilities": " ".join(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))),
        "openvino": importlib.metadata.version("openvino"),
        "max_batch": str(wish.max_batch),
        **settings,
    }


def _arithmetic(wish: SessionWish, capabilities: list[str]) -> str:
    """bf16 only where the bundle was checked in it; an fp16 file is computed in fp32."""
    if wish.precision == "bf16":
        if "BF16" not in capabilities:
            raise ProviderError(
                "provider openvino: this processor has no bf16 (avx512_bf16 or amx)",
                hint="set provider: auto, which takes fp32 here, or export the bundle with --precision fp32",
            )
        return "bf16"
    return "int8" if wish.precision == "int8" else "fp32"


def _settings(wish: SessionWish, precision: str) -> dict[str, str]:
    settings = {
        # Stated always: left alone, OpenVINO computes in bf16 wherever it can, and the parity gate was passed in fp32.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    threads = thread_count(wish.threads, usable_cores(), quota())
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    return settings


def _check_names(network: openvino.Model, wish: SessionWish) -> None:
    got = {name for port in network.outputs for name in port.names}
    if not names_fit(got, wish) or len(network.inputs) != 1:
        raise EngineError(
            f"model.onnx: expected one input and outputs {', '.join(wish.output_names)}, got {', '.join(sorted(got))}",
            hint="export the bundle again with this lineproof",
        )


def _fix_batch(network: openvino.Model, max_batch: int) -> None:
    """One image, or up to so many: a bounded batch costs a single image nothing (34.9 against 34.0 ms, in the noise)."""
    import openvino

    shape = network.input().get_partial_shape()
    if not shape[0].is_static:
        shape[0] = openvino.Dimension(1) if max_batch == 1 else openvino.Dimension(1, max_batch)
        network.reshape(shape)


def _core() -> openvino.Core:
    if not installed():
        raise ProviderError("provider openvino: openvino is not installed", hint="pip install 'lineproof[openvino]'")
    with _without_telemetry():
        import openvino
    return openvino.Core()


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Import openvino as if its telemetry package were absent; it then takes its own empty stand-in.

    Only its model converter would send anything, which is never called here; but a line calls nobody, so the sender is
    not even loaded.
    """
    if "openvino" in sys.modules or _TELEMETRY in sys.modules:
        yield
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]


def _port_of(port: openvino.ConstOutput, name: str) -> Port:
    shape = tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())
    return Port(name, np.dtype(port.get_element_type().to_dtype()).name, shape)


def _last_line(error: Exception) -> str:
    """The reason: openvino lists source lines of its own before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
