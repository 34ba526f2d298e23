"""The few calls of CUDA that onnxruntime does not offer: page-locked memory, copies, and which GPU this is.

Plain ctypes on the libraries that onnxruntime's CUDA provider itself has loaded: nothing more to install.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lineproof.errors import EngineError, ProviderError

_TO_DEVICE, _TO_HOST = 1, 2  # cudaMemcpyKind
_PORTABLE = 1  # cudaHostAllocPortable: page-locked for every thread and device
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76  # CUdevice_attribute
_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a compiled engine depends on."""

    name: str
    compute_capability: str  # e.g. 8.9
    driver: str


class CudaRuntime:
    """Memory of one device."""

    def __init__(self, library: Any, device_id: int) -> None:  # noqa: ANN401 (a ctypes library has no type)
        """Take a loaded libcudart; `load_runtime` finds it."""
        self._library = library
        self._device_id = device_id
        library.cudaGetErrorString.restype = ctypes.c_char_p

    def use_device(self) -> None:
        """The device is chosen for each thread: without this a copy goes to device 0."""
        self._check(self._library.cudaSetDevice(ctypes.c_int(self._device_id)))

    def page_locked(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Host memory the GPU reads and writes directly; freed with the last view of it."""
        kind = np.dtype(dtype)
        size = max(int(np.prod(shape)) * kind.itemsize, 1)
        address = ctypes.c_void_p()
        self._check(self._library.cudaHostAlloc(ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(_PORTABLE)))
        if address.value is None:
            raise EngineError("CUDA gave no page-locked memory")
        block = (ctypes.c_uint8 * size).from_address(address.value)
        weakref.finalize(block, self._library.cudaFreeHost, ctypes.c_void_p(address.value)).atexit = False
        whole: NDArray[Any] = np.frombuffer(memoryview(block), kind, int(np.prod(shape)))
        return whole.reshape(shape)

    def to_device(self, pointer: int, array: NDArray[Any]) -> None:
        """Copy a contiguous array into device memory and wait for it."""
        self._copy(pointer, array.ctypes.data, array.nbytes, _TO_DEVICE)

    def to_host(self, array: NDArray[Any], pointer: int) -> None:
        """Copy device memory into a contiguous array and wait for it."""
        self._copy(array.ctypes.data, pointer, array.nbytes, _TO_HOST)

    def _copy(self, target: int, source: int, size: int, kind: int) -> None:
        arguments = (ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size), ctypes.c_int(kind))
        self._check(self._library.cudaMemcpy(*arguments))

    def _check(self, code: int) -> None:
        if code:
            raise CudaError(code, (self._library.cudaGetErrorString(ctypes.c_int(code)) or b"").decode())


class CudaError(RuntimeError):
    """A call of the CUDA runtime failed; worded as onnxruntime words its own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"CUDA failure {code}: {text}")


def load_runtime(cuda_version: str, device_id: int) -> CudaRuntime:
    """The libcudart of onnxruntime's CUDA version, which is in the process once the provider is loaded."""
    major = cuda_version.partition(".")[0]
    names = [f"cudart64_{major}.dll"] if sys.platform == "win32" else [f"libcudart.so.{major}", "libcudart.so"]
    return CudaRuntime(_load(names, f"the CUDA runtime {cuda_version}"), device_id)


def find_gpu(device_id: int) -> Gpu:
    """Name, compute capability and driver of a device; raises ProviderError when there is none."""
    cuda = _load(["nvcuda.dll"] if sys.platform == "win32" else ["libcuda.so.1"], "the NVIDIA driver")
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    code: int = cuda.cuInit(ctypes.c_uint(0))
    code = code or cuda.cuDeviceGet(ctypes.byref(device), ctypes.c_int(device_id))
    code = code or cuda.cuDeviceGetName(name, ctypes.c_int(256), device)
    if code:
        raise ProviderError(
            f"the NVIDIA driver has no usable GPU {device_id} (error {code})", hint="look at `nvidia-smi`"
        )
    capability = ".".join(str(_attribute(cuda, which, device)) for which in (_COMPUTE_MAJOR, _COMPUTE_MINOR))
    return Gpu(name.value.decode(errors="replace"), capability, _driver_version(cuda))


def _attribute(cuda: Any, which: int, device: ctypes.c_int) -> int:  # noqa: ANN401 (a ctypes library)
    value = ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(value), ctypes.c_int(which), device)
    return value.value


def _driver_version(cuda: Any) -> str:  # noqa: ANN401 (a ctypes library)
    """The driver's own version by NVML; where that is not shipped (Jetson), the CUDA version it brings."""
    version = ctypes.create_string_buffer(96)
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        nvml = None
    if nvml is not None and nvml.nvmlInit_v2() == 0:
        nvml.nvmlSystemGetDriverVersion(version, ctypes.c_uint(96))
        nvml.nvmlShutdown()
    if version.value:
        return version.value.decode(errors="replace")
    brought = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(brought))
    return f"cuda-{brought.value}"


def _load(names: Sequence[str], what: str) -> Any:  # noqa: ANN401 (a ctypes library)
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise ProviderError(f"{what} cannot be loaded ({names[0]})", hint="install the NVIDIA driver and lineproof[gpu]")
