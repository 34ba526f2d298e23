"""onnxruntime's GPU wheel and the CUDA runtime as far as the session layer can see them; the arithmetic is the CPU's."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime as ort

from lineproof.engine.sessions import gpu_opening
from lineproof.engine.sessions.cuda_runtime import CudaRuntime, Gpu

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
REAL_SESSION = ort.InferenceSession


class FakeSession:
    """A session of the GPU wheel; remembers how it was asked for and what it ran."""

    asked: ClassVar[list[tuple[list[str], bool, bool]]] = []  # providers, fallback, strict
    options: ClassVar[dict[str, dict[str, str]]] = {}
    gets: ClassVar[list[str]] = []
    error: ClassVar[Exception | None] = None  # at opening
    run_error: ClassVar[Exception | None] = None
    graph_ids: ClassVar[list[str]] = []
    compiled: ClassVar[list[str]] = []  # folders in which a TensorRT engine was built

    def __init__(self, model, options, providers, enable_fallback):
        names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
        FakeSession.asked.append((names, bool(enable_fallback), _strict(options)))
        FakeSession.options = {entry[0]: entry[1] for entry in providers if not isinstance(entry, str)}
        if FakeSession.error is not None and names != [CPU]:
            raise FakeSession.error
        _build_engine(FakeSession.options.get(TENSORRT, {}).get("trt_engine_cache_path"))
        self._names = names
        plain = ort.SessionOptions()
        plain.log_severity_level = 4
        self._real = REAL_SESSION(model, plain, providers=[CPU])

    def get_providers(self):
        return FakeSession.gets or self._names

    def get_inputs(self):
        return self._real.get_inputs()

    def get_outputs(self):
        return self._real.get_outputs()

    def run(self, names, feeds):
        return self._real.run(names, feeds)

    def disable_fallback(self):
        pass

    def io_binding(self):
        return self._real.io_binding() if self._names == [CPU] else FakeBinding()

    def run_with_iobinding(self, binding, options=None):
        if self._names == [CPU]:
            self._real.run_with_iobinding(binding)
            return
        if FakeSession.run_error is not None:
            raise FakeSession.run_error
        FakeSession.graph_ids.append(_graph_id(options))
        arrays = self._real.run(list(binding.outputs), {name: value.array for name, value in binding.inputs.items()})
        for name, array in zip(binding.outputs, arrays, strict=True):
            if binding.outputs[name] is None:
                binding.outputs[name] = FakeValue(array)
            else:
                np.copyto(binding.outputs[name].array, array)


class FakeBinding:
    def __init__(self):
        self.inputs, self.outputs = {}, {}

    def bind_ortvalue_input(self, name, value):
        self.inputs[name] = value

    def bind_ortvalue_output(self, name, value):
        self.outputs[name] = value

    def bind_output(self, name, _device, _device_id):
        self.outputs[name] = None

    def get_outputs(self):
        return list(self.outputs.values())


class FakeValue:
    """Device memory, which here is plain memory."""

    made: ClassVar[int] = 0

    def __init__(self, array):
        self.array = array
        FakeValue.made += 1

    @staticmethod
    def ortvalue_from_shape_and_type(shape, dtype, device, _device_id):
        assert device == "cuda"
        return FakeValue(np.zeros(shape, dtype))

    def data_ptr(self):
        return self.array.ctypes.data

    def shape(self):
        return list(self.array.shape)


class FakeCudart:
    """libcudart: every call returns 0 unless `code` is set."""

    code: ClassVar[int] = 0
    freed: ClassVar[int] = 0
    devices: ClassVar[list[int]] = []
    blocks: ClassVar[dict[int, object]] = {}

    def __init__(self):
        self.cudaSetDevice = _set_device
        self.cudaHostAlloc = _host_alloc
        self.cudaFreeHost = _free_host
        self.cudaMemcpy = _memcpy
        self.cudaGetErrorString = _error_string


def _set_device(device):
    FakeCudart.devices.append(device.value)
    return 0


def _host_alloc(pointer, size, flags):
    assert flags.value == 1
    block = ctypes.create_string_buffer(size.value)
    FakeCudart.blocks[ctypes.addressof(block)] = block
    pointer._obj.value = ctypes.addressof(block)
    return FakeCudart.code


def _free_host(pointer):
    del FakeCudart.blocks[pointer.value]
    FakeCudart.freed += 1
    return 0


def _memcpy(target, source, size, kind):
    assert kind.value in (1, 2)
    ctypes.memmove(target.value, source.value, size.value)
    return FakeCudart.code


def _error_string(_code):
    return b"out of memory"


def install(monkeypatch) -> None:
    """Make this machine one with an NVIDIA L4."""
    for name, value in (("asked", []), ("options", {}), ("gets", []), ("error", None), ("run_error", None)):
        monkeypatch.setattr(FakeSession, name, value)
    monkeypatch.setattr(FakeSession, "graph_ids", [])
    monkeypatch.setattr(FakeSession, "compiled", [])
    monkeypatch.setattr(FakeCudart, "devices", [])
    monkeypatch.setattr(ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(ort, "OrtValue", FakeValue)
    monkeypatch.setattr(ort, "preload_dlls", lambda: sys.stdout.write("loading\n"))
    monkeypatch.setattr(gpu_opening, "load_runtime", lambda _version, device: CudaRuntime(FakeCudart(), device))
    monkeypatch.setattr(gpu_opening, "find_gpu", lambda _device: Gpu("NVIDIA L4", "8.9", "550.54"))
    monkeypatch.setattr(gpu_opening, "_tensorrt_version", lambda: "101304")


def _strict(options) -> bool:
    try:
        return options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
    except RuntimeError:  # the entry was never set
        return False


def _graph_id(options) -> str:
    try:
        return options.get_run_config_entry("gpu_graph_id")
    except RuntimeError:
        return ""


def _build_engine(folder: str | None) -> None:
    """What TensorRT does with its cache: write the engine when it is not there."""
    if folder is not None and not (Path(folder) / "tiny.engine").exists():
        (Path(folder) / "tiny.engine").write_bytes(b"compiled")
        FakeSession.compiled.append(folder)
