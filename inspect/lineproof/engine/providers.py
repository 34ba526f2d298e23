"""Which hardware runs the model: what the line asks for, or an error; never a quiet fallback."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from lineproof.errors import EngineError, ProviderError

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")

# onnxruntime's own exceptions share no base below Exception.
ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(ort_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
# TensorRT hands the nodes it cannot take to CUDA: both are GPU, and neither is the CPU.
_CHAINS = {"cpu": (_CPU,), "cuda": (_CUDA,), "tensorrt": ("TensorrtExecutionProvider", _CUDA)}


@dataclass(frozen=True, slots=True, eq=False)
class OpenSession:
    """A session with the provider that really runs it; `fallback` says why it is not a better one, or is empty."""

    session: ort.InferenceSession
    provider: str
    fallback: str = ""


def open_session(model: bytes, provider: str, *, threads: int | None, spin: bool, dynamic: bool) -> OpenSession:
    """Build the session on the hardware asked for; `auto` prefers CUDA and says when it had to take the CPU.

    Raises:
        ProviderError: the hardware asked for is not there.
        EngineError: the model cannot be loaded.
    """
    if provider not in PROVIDERS:
        raise ProviderError(f"provider {provider!r} is unknown", hint=f"one of {', '.join(PROVIDERS)}")
    if provider != "auto":
        return _open(model, provider, threads=threads, spin=spin, dynamic=dynamic)
    try:
        return _open(model, "cuda", threads=threads, spin=spin, dynamic=dynamic)
    except ProviderError as error:
        on_cpu = _open(model, "cpu", threads=threads, spin=spin, dynamic=dynamic)
        return OpenSession(on_cpu.session, on_cpu.provider, fallback=error.message)


def _open(model: bytes, provider: str, *, threads: int | None, spin: bool, dynamic: bool) -> OpenSession:
    chain = _CHAINS[provider]
    available = ort.get_available_providers()
    missing = [name for name in chain if name not in available]
    if missing:
        raise ProviderError(
            f"provider {provider}: {missing[0]} is not in this onnxruntime ({ort.__version__})",
            hint="pip install 'lineproof[gpu]' in place of the extra cpu, or set provider: cpu",
        )
    options = _options(threads, spin=spin)
    if provider != "cpu":
        _preload_gpu_libraries()
        if not dynamic:  # shape arithmetic of a dynamic model may run on the CPU; of a static one nothing may
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = ort.InferenceSession(model, options, providers=list(chain), enable_fallback=0)
    except ORT_ERRORS as error:
        raise _explained(error, provider) from None
    session.disable_fallback()
    if session.get_providers()[0] != chain[0]:
        raise ProviderError(
            f"provider {provider}: onnxruntime took {session.get_providers()[0]} instead of {chain[0]}",
            hint="check the GPU driver with `lineproof doctor`, or set provider: cpu",
        )
    return OpenSession(session, chain[0])


def _options(threads: int | None, *, spin: bool) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors only: warnings would stand between the lines of the technician's screen
    options.intra_op_num_threads = threads or 0  # 0: one per core
    options.inter_op_num_threads = 1
    # A spinning pool burns a core between two frames and fights with the capture thread for the rest (≤ 8 % latency).
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    return options


def _preload_gpu_libraries() -> None:
    """Load CUDA and cuDNN from their pip packages; what it prints goes to stderr, stdout belongs to the verb."""
    with contextlib.redirect_stdout(sys.stderr):
        ort.preload_dlls()


def _explained(error: Exception, provider: str) -> EngineError:
    text = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if provider == "cpu":
        return EngineError(f"model.onnx cannot be loaded: {text}", hint="export the bundle again")
    return ProviderError(f"provider {provider}: {text}", hint="check the GPU driver, or set provider: cpu")
