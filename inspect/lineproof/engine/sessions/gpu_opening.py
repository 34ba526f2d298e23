"""Build a session on an NVIDIA GPU, or say in one line why there is none."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import io
import logging
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

from lineproof.engine.sessions.cuda_runtime import Gpu, find_gpu, load_runtime
from lineproof.engine.sessions.engine_cache import EngineCache, Facts
from lineproof.engine.sessions.gpu_errors import open_error
from lineproof.engine.sessions.gpu_options import BUILDER_LEVEL, EngineFolders, gpu_session_options, providers
from lineproof.engine.sessions.gpu_wheel import CHAINS
from lineproof.engine.sessions.onnxruntime_cpu import check_names
from lineproof.engine.sessions.onnxruntime_gpu import GpuSession
from lineproof.engine.sessions.ort_errors import ORT_ERRORS
from lineproof.engine.sessions.session import OpenSession, SessionWish
from lineproof.errors import EngineError, ProviderError

log = logging.getLogger("lineproof.engine")

_UNKNOWN = "unknown"


def open_gpu(model: bytes, wish: SessionWish) -> OpenSession:
    """Build the session for `cuda` or `tensorrt`; TensorRT's engine comes from the cache, or is compiled into it.

    Raises:
        ProviderError: the provider, its libraries or the GPU are not there, or a node would run on the CPU.
        EngineError: the device has no memory for it, or the model cannot be loaded.
    """
    missing = _preload(wish.provider)
    if wish.provider == "tensorrt":
        _require_tensorrt()
    if wish.provider == "cuda" or wish.cache is None:
        return OpenSession(_open(model, wish, EngineFolders(), missing))
    return _cached(model, wish, wish.cache, missing)


def _cached(model: bytes, wish: SessionWish, cache: EngineCache, missing: str) -> OpenSession:
    facts = engine_facts(wish, find_gpu(wish.device_id))
    kept = cache.ready(facts)
    if kept.whole:
        return OpenSession(_open(model, wish, EngineFolders(kept.folder), missing), cache_note="loaded from the cache")
    log.warning(
        "compiling the TensorRT engine for %s, which takes minutes%s; `lineproof bundle warm` does it ahead",
        facts["gpu"],
        f" (the one in the cache was thrown away: {kept.why})" if kept.why else "",
    )
    failed: list[EngineError] = []

    def compile_into(folder: Path) -> None:
        try:
            _compile(model, wish, EngineFolders(folder, cache.timings(facts)), missing)
        except EngineError as error:
            failed.append(error)
            shutil.rmtree(cache.timings(facts), ignore_errors=True)  # it may be what the compiler stumbled over
            raise

    try:
        folder = cache.build(facts, compile_into)
    except EngineError as error:
        if failed:
            raise
        log.warning("%s; the engine is compiled again at every start", error.message)
        return OpenSession(
            _open(model, wish, EngineFolders(), missing), cache_note=f"compiled, not kept: {error.message}"
        )
    note = f"compiled again: {kept.why}" if kept.why else "compiled"
    return OpenSession(_open(model, wish, EngineFolders(folder), missing), cache_note=note)


def _compile(model: bytes, wish: SessionWish, folders: EngineFolders, missing: str) -> None:
    """Build the engine into the folder; what is not built with the session is built by its first run."""
    session = _open(model, wish, folders, missing)
    stated = session.input.shape[1:]
    height, width, channels = wish.input_hwc or tuple(size or 0 for size in stated)
    try:
        session.run(np.zeros((1, height, width, channels), np.uint8))
    finally:
        session.close()


def engine_facts(wish: SessionWish, gpu: Gpu) -> Facts:
    """What a TensorRT engine depends on: another of any of these is another engine."""
    return {
        "provider": CHAINS[wish.provider][0],
        "gpu": gpu.name,
        "compute_capability": gpu.compute_capability,
        "driver": gpu.driver,
        "onnxruntime": ort.__version__,
        "tensorrt": _tensorrt_version(),
        "precision": wish.precision,
        "max_batch": str(wish.max_batch),
        "dynamic": str(wish.dynamic),
        "builder_level": str(BUILDER_LEVEL),
        "workspace_mib": str(wish.gpu_memory_mib),
    }


def _open(model: bytes, wish: SessionWish, folders: EngineFolders, missing: str) -> GpuSession:
    chain = CHAINS[wish.provider]
    try:
        asked = providers(wish, folders)
        session = ort.InferenceSession(model, gpu_session_options(wish), providers=asked, enable_fallback=0)
    except ORT_ERRORS as error:
        raise open_error(error, wish.provider, missing or _without_gpu(wish.device_id)) from None
    session.disable_fallback()
    if session.get_providers()[0] != chain[0]:
        raise ProviderError(
            f"provider {wish.provider}: onnxruntime took {session.get_providers()[0]} instead of {chain[0]}",
            hint="check the GPU driver with `lineproof doctor`, or set provider: cpu",
        )
    check_names(session, wish)
    return GpuSession(session, wish, load_runtime(ort.cuda_version, wish.device_id))


def _require_tensorrt() -> None:
    """The wheel of onnxruntime brings the provider, but not the library behind it."""
    if _tensorrt_version() == _UNKNOWN:
        raise ProviderError(
            "provider tensorrt: the TensorRT library is not installed (libnvinfer 10)",
            hint="pip install 'tensorrt-cu13<11', which NVIDIA's own index serves, or set provider: cuda",
        )


def _without_gpu(device_id: int) -> str:
    """Why there is no GPU; empty when there is one, and the model itself is what does not fit it."""
    try:
        find_gpu(device_id)
    except ProviderError as error:
        return error.message
    return ""


def _preload(provider: str) -> str:
    """Load CUDA, cuDNN and TensorRT from their pip packages; the first library that could not be, or nothing.

    What onnxruntime prints goes to stderr, stdout belongs to the verb.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        ort.preload_dlls()
    sys.stderr.write(said.getvalue())
    if provider == "tensorrt" and importlib.util.find_spec("tensorrt_libs") is not None:
        importlib.import_module("tensorrt_libs")  # loads them all
    return next((line for line in said.getvalue().splitlines() if line.startswith("Failed to load")), "")


def _tensorrt_version() -> str:
    """The version of the library that is loaded, e.g. 101304 for 10.13.4."""
    names = ("nvinfer_10.dll",) if sys.platform == "win32" else ("libnvinfer.so.10", "libnvinfer.so")
    for name in names:
        try:
            return str(ctypes.CDLL(name).getInferLibVersion())
        except (OSError, AttributeError):
            continue
    return _UNKNOWN
