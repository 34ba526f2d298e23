from __future__ import annotations

import pytest

from lineproof.engine.sessions.gpu_errors import is_lost, is_out_of_memory, run_error

# Worded as onnxruntime, cuDNN, cuBLAS and TensorRT word them.
NO_MEMORY = [
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Available memory of 8 is smaller than requested bytes of 4096",
    "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0 ; hostname=line ; expr=cudaMalloc",
    "Failed to allocate memory for requested buffer of size 6553600",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
    "CUDNN_FE failure 11: CUDNN_STATUS_ALLOC_FAILED",
]
LOST = [
    "CUDA failure 700: an illegal memory access was encountered ; GPU=0",
    "CUDA failure 719: unspecified launch failure ; GPU=0",
    "CUDA error 999: unknown error",
    "CUDA failure 46: all CUDA-capable devices are busy or unavailable",
    "CUDA failure 214: uncorrectable ECC error encountered",
]
NEITHER = [
    "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: image",
    "CUDA failure 209: no kernel image is available for execution on the device",
    "CUDA failure 20: no such thing",
]


@pytest.mark.parametrize("text", NO_MEMORY)
def test_out_of_memory(text):
    assert is_out_of_memory(RuntimeError(text))
    assert not is_lost(RuntimeError(text))


@pytest.mark.parametrize("text", LOST)
def test_lost(text):
    assert is_lost(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text):
    assert not is_lost(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError(text))


def test_what_is_said_leaves_out_where_in_onnxruntime_it_happened():
    said = RuntimeError(  # of an H100 with 1 MiB to spare
        "[ONNXRuntimeError] : 1 : FAIL : Exception during initialization: /onnxruntime_src/onnxruntime/core/framework/"
        "bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Available "
        "memory of 18176 is smaller than requested bytes of 147456\n"
    )
    assert is_out_of_memory(said)
    assert run_error(said).message.endswith(
        "initialization: Available memory of 18176 is smaller than requested bytes of 147456"
    )
