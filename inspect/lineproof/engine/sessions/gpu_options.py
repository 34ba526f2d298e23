"""How a session on an NVIDIA GPU is set up: onnxruntime's CUDA and TensorRT providers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from lineproof.engine.sessions.gpu_wheel import CUDA, TENSORRT
from lineproof.engine.sessions.onnxruntime_cpu import common_options
from lineproof.engine.sessions.session import SessionWish
from lineproof.errors import EngineError

# TensorRT's scale is 0 to 5; 3 is its own default, and levels below 2 say of themselves that they are slow engines.
BUILDER_LEVEL = 3

ProviderOptions = dict[str, str]


def gpu_session_options(wish: SessionWish) -> ort.SessionOptions:
    """Strict: a node that would go to the CPU is an error when the session is built."""
    options = common_options(wish)
    options.intra_op_num_threads = 1  # nothing runs on the CPU: a pool of one thread per core would only take memory
    if not wish.dynamic:  # shape arithmetic of a dynamic model may run on the CPU; of a static one nothing may
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


@dataclass(frozen=True, slots=True)
class EngineFolders:
    """Where TensorRT finds its engine or puts it, and where it notes timings while it builds one."""

    engine: Path | None = None
    timings: Path | None = None


def providers(wish: SessionWish, folders: EngineFolders) -> list[tuple[str, ProviderOptions]]:
    """The provider asked for and what stands behind it."""
    cuda = (CUDA, cuda_options(wish))
    if wish.provider == "cuda":
        return [cuda]
    return [(TENSORRT, tensorrt_options(wish, folders)), cuda]


def cuda_options(wish: SessionWish) -> ProviderOptions:
    """Options of the CUDA provider."""
    varied = wish.dynamic or wish.max_batch > 1
    options = {
        "device_id": str(wish.device_id),
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles what it takes from a card others use too
        # Trying every algorithm is done once for a fixed shape, and again for each new one in the middle of the shift; it
        # gains 5 % in fp32. In fp16 what it picks is slow (yolov8n at 640 on an H100: 2.20 ms against 1.22), and with
        # channels last 0.95 are enough; in fp32 channels last lose (2.28 against 1.93).
        "cudnn_conv_algo_search": "HEURISTIC" if varied or wish.precision == "fp16" else "EXHAUSTIVE",
        "prefer_nhwc": "1" if wish.precision == "fp16" else "0",
        "cudnn_conv_use_max_workspace": "1",
        # TF32 keeps 10 bits of a float's 23: fast, and not the fp32 the parity gate was passed in.
        "use_tf32": "0",
        "enable_cuda_graph": "1" if wish.provider == "cuda" and records_graphs(wish) else "0",
    }
    if wish.gpu_memory_mib is not None:
        options["gpu_mem_limit"] = str(wish.gpu_memory_mib << 20)
    return options


def tensorrt_options(wish: SessionWish, folders: EngineFolders) -> ProviderOptions:
    """Options of the TensorRT provider."""
    options = {
        "device_id": str(wish.device_id),
        "trt_fp16_enable": "1" if wish.precision == "fp16" else "0",
        "trt_bf16_enable": "1" if wish.precision == "bf16" else "0",
        "trt_int8_enable": "1" if wish.precision == "int8" else "0",
        "trt_builder_optimization_level": str(BUILDER_LEVEL),
        "trt_cuda_graph_enable": "1" if records_graphs(wish) else "0",
    }
    if wish.dynamic or wish.max_batch > 1:
        options |= _profile(wish)
    if folders.engine is not None:
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folders.engine)}
    if folders.timings is not None:  # the next bundle of the same network is built in a fraction of the time
        options |= {"trt_timing_cache_enable": "1", "trt_timing_cache_path": str(folders.timings)}
    if wish.gpu_memory_mib is not None:
        options["trt_max_workspace_size"] = str(wish.gpu_memory_mib << 20)
    return options


def records_graphs(wish: SessionWish) -> bool:
    """Whether runs are recorded and replayed: addresses and shapes must stand still.

    The CUDA provider keeps one recording per batch size, told apart by `gpu_graph_id`; TensorRT's keeps a single one.
    """
    if not wish.cuda_graph or wish.dynamic:
        return False
    return wish.provider == "cuda" or wish.max_batch == 1


def _profile(wish: SessionWish) -> ProviderOptions:
    """Shapes the engine must take, and the one it is tuned for; outside them TensorRT would compile in mid-shift."""
    if wish.input_hwc is None:
        raise EngineError("TensorRT must know the largest input of a model with open sizes (SessionWish.input_hwc)")
    height, width, channels = wish.input_hwc
    least = (32, 32) if wish.dynamic else (height, width)
    sizes = {
        "min": (1, *least, channels),
        "opt": (max(1, wish.max_batch // 2), height, width, channels),
        "max": (wish.max_batch, height, width, channels),
    }
    return {f"trt_profile_{name}_shapes": "image:" + "x".join(map(str, shape)) for name, shape in sizes.items()}
