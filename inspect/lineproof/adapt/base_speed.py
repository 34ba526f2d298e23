"""What a base costs on this machine at several input sizes, before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from lineproof.adapt.bases import start_from
from lineproof.adapt.export import export_onnx
from lineproof.bundle.manifest import Task
from lineproof.engine.onnx_engine import OnnxEngine

MEASURED_SIDES = (224, 416, 640)  # of square inputs; other sizes lie on the line through them
_ROUNDS = 15
_OWN_CORE = 0.9  # a process that computes all the time has at least one core of the machine, or others have it
_FLOOR = 0.5  # nothing is found on noise: the figure is that of the network


def measure_base(
    base: str,
    task: Task,
    classes: tuple[str, ...],
    *,
    sides: Sequence[int] = MEASURED_SIDES,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[int, float], ...]:
    """Least milliseconds from frame to detections on the CPU, all threads, by side of a square input.

    The least, as whatever else runs on the machine only adds to it; when it adds much, that is said. The network is exported once with open sizes; what it was trained for does not change its speed.

    Raises:
        WeightsError: the base is not found, or damaged.
    """
    network = start_from(base, task, classes, say=say).network
    say("exporting it to measure it")
    exported = export_onnx(network, (max(sides), max(sides)), dynamic=True)
    engine = OnnxEngine.from_model(exported.onnx, exported.spec(_FLOOR), "cpu")
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 256, (side, side, 3), np.uint8) for side in sides]
    took_ms = np.empty((_ROUNDS, len(sides)))
    for frame in frames:
        engine.detect(frame)  # memory is taken before it is timed
    began, began_cpu = time.perf_counter(), time.process_time()
    for turn in took_ms:  # in turns, so that a busy moment hits all sizes
        for column, frame in enumerate(frames):
            started = time.perf_counter()
            engine.detect(frame)
            turn[column] = 1e3 * (time.perf_counter() - started)
    least = took_ms.min(axis=0)
    share = (time.process_time() - began_cpu) / (time.perf_counter() - began)
    if share < _OWN_CORE:
        say("this machine is busy with something else: the times may be too long, measure again when it is quiet")
    return tuple((side, float(ms)) for side, ms in zip(sides, least, strict=True))
