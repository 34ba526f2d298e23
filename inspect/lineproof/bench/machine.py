"""The machine figures belong to: a number without it is no number."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

# What decides which kernels run: matrix instructions in bf16 and int8.
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "neon", "asimd")
_DISTRIBUTIONS = (
    "lineproof",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "opencv-python-headless",
    "numpy",
    "ultralytics",
    "torch",
)


def machine() -> dict[str, object]:
    """Processor, cores this process may use, instruction sets that matter, memory, GPU, system, present load."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "flags": cpu_flags(),
        "memory_gib": _memory_gib(),
        "gpu": gpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, as far as the system tells it."""
    return _cpu_fact("model name", info) or platform.processor() or platform.machine()


def cpu_flags(info: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Instruction sets that decide over bf16 and int8; empty where the system does not tell."""
    there = set((_cpu_fact("flags", info) or _cpu_fact("Features", info)).split())
    return [flag for flag in _FLAGS if flag in there]


def gpu_name() -> str:
    """Name, memory and driver of the first NVIDIA GPU; empty without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines else ""


def versions() -> dict[str, str]:
    """Of everything that computes; what is not installed is left out."""
    found: dict[str, str] = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_fact(name: str, info: Path) -> str:
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == name), "")


def _memory_gib(info: Path = Path("/proc/meminfo")) -> float | None:
    lines = info.read_text().splitlines() if info.exists() else []
    kib = next((line.split()[1] for line in lines if line.startswith("MemTotal:")), None)
    return round(int(kib) / 2**20, 1) if kib else None
