"""Whether the installed onnxruntime could use a GPU at all: asked before anything else of the GPU is imported."""

from __future__ import annotations

import onnxruntime as ort

from lineproof.errors import ProviderError

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
# TensorRT hands the nodes it cannot take to CUDA: both are GPU, and neither is the CPU.
CHAINS = {"cuda": (CUDA,), "tensorrt": (TENSORRT, CUDA)}


def require_gpu_wheel(provider: str) -> None:
    """Raise ProviderError unless `cuda` or `tensorrt` was built into this onnxruntime."""
    available = ort.get_available_providers()
    missing = [name for name in CHAINS[provider] if name not in available]
    if missing:
        raise ProviderError(
            f"provider {provider}: {missing[0]} is not in this onnxruntime ({ort.__version__})",
            hint="pip install 'lineproof[gpu]' in place of the extra cpu, or set provider: cpu",
        )
