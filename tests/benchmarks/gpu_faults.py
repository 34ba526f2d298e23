"""What a GPU does to the line when it fails: no memory when the engine opens, none later, and a GPU that is lost.

python tests/benchmarks/gpu_faults.py BUNDLE [--out FILE]

Each fault is made for real, in a process of its own: memory is taken by plain allocations until little is left, and a
kernel that trips an assertion ends the CUDA context as a dying GPU does (needs torch). Each must end in one clear
EngineError, never on the CPU, never in a crash.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lineproof.bundle.open import open_bundle
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.providers import open_session
from lineproof.engine.sessions.session import SessionWish
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError, ProviderError

_STEP = 64 << 20  # bytes taken at a time until the device has no more


def main() -> None:
    """Make every fault, print what was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    text = json.dumps(faults(asked.bundle), indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n")


def faults(bundle: Path) -> list[dict[str, object]]:
    """One row a fault."""
    return [_in_a_process(make, bundle) for make in (arena_too_small, device_full, lost)]


def arena_too_small(path: Path) -> dict[str, object]:
    """onnxruntime may take 1 MiB: the engine must not open."""
    try:
        _engine(path, gpu_memory_mib=1).warm_up()
    except EngineError as error:
        return _row("1 MiB for the engine, at its start", error, "no memory")
    return _row("1 MiB for the engine, at its start", None, "no memory")


def device_full(path: Path) -> dict[str, object]:
    """Another program takes all memory: the engine must say so, and answer again once there is room."""
    engine = _engine(path, max_batch=16)
    grey = np.full((480, 640, 3), 114, np.uint8)
    engine.detect(grey)
    library, blocks = ctypes.CDLL("libcudart.so.13"), []
    step = _STEP
    while step >= 1 << 16:
        pointer = ctypes.c_void_p()
        if library.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(step)):
            library.cudaGetLastError()
            step //= 2
        else:
            blocks.append(pointer)
    said: EngineError | None = None
    try:
        engine.detect_many([grey] * 16)  # a batch that was never run before needs memory that is not there
    except EngineError as error:
        said = error
    for pointer in blocks:
        library.cudaFree(pointer)
    row = _row("device full, in the middle of work", said, "no memory")
    try:
        engine.detect_many([grey] * 16)
    except EngineError as error:
        return row | {"afterwards": str(error), "as_it_should": False}
    return row | {"afterwards": "answers again"}


def lost(path: Path) -> dict[str, object]:
    """A kernel trips an assertion: CUDA answers nothing more in this process, and the engine must say so at every call."""
    import torch

    engine = _engine(path)
    grey = np.full((480, 640, 3), 114, np.uint8)
    engine.detect(grey)
    with contextlib.suppress(RuntimeError):
        torch.zeros(1, device="cuda")[torch.tensor([7], device="cuda")].cpu()
    rows = []
    for _ in range(2):
        try:
            engine.detect(grey)
        except EngineError as error:
            rows.append(_row("GPU lost, in the middle of work", error, "lost"))
        else:
            rows.append(_row("GPU lost, in the middle of work", None, "lost"))
    return rows[0] | {"second_call": rows[1]["said"], "as_it_should": all(row["as_it_should"] for row in rows)}


def _row(fault: str, error: EngineError | None, words: str) -> dict[str, object]:
    if error is None:
        return {"fault": fault, "said": "nothing: it answered", "as_it_should": False}
    right = words in error.message and not isinstance(error, ProviderError)
    return {"fault": fault, "said": str(error), "as_it_should": right}


def _engine(path: Path, *, max_batch: int = 1, gpu_memory_mib: int | None = None) -> OnnxEngine:
    bundle = open_bundle(path)
    spec = EngineSpec.of(bundle.manifest)
    width, height = spec.input_wh
    wish = SessionWish(
        "cuda",
        spec.output_names,
        precision=spec.precision,
        max_batch=max_batch,
        input_hwc=(height, width, spec.channels),
        gpu_memory_mib=gpu_memory_mib,
    )
    return OnnxEngine(open_session(bundle.model, wish), spec)


def _in_a_process(make: Callable[[Path], dict[str, object]], path: Path) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_answer, args=(make, path, answers))
    process.start()
    process.join(120)
    if process.exitcode != 0:
        process.kill()
        return {"fault": make.__name__, "said": f"the process ended with {process.exitcode}", "as_it_should": False}
    return answers.get()


def _answer(make: Callable[[Path], dict[str, object]], path: Path, answers: object) -> None:
    answers.put(make(path))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
