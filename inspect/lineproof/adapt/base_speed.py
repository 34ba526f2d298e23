"""What a base costs on this machine at several input sizes, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lineproof.adapt.bases import start_from
from lineproof.adapt.export import export_onnx
from lineproof.adapt.latency import race
from lineproof.bundle.manifest import Task
from lineproof.engine.onnx_engine import OnnxEngine

MEASURED_SIDES = (224, 416, 640)  # of square inputs; other sizes lie on the line through them
_ROUNDS = 15
_FLOOR = 0.5  # nothing is found on noise: the figure is that of the network


def measure_base(
    base: str,
    task: Task,
    classes: tuple[str, ...],
    *,
    sides: Sequence[int] = MEASURED_SIDES,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[int, float], ...]:
    """Median milliseconds from frame to detections on the CPU, all threads, by side of a square input.

    The network is exported once with open sizes; what it was trained for does not change its speed.

    Raises:
        WeightsError: the base is not found, or damaged.
    """
    network = start_from(base, task, classes, say=say).network
    say(f"exporting {base} to measure it")
    exported = export_onnx(network, (max(sides), max(sides)), dynamic=True)
    engine = OnnxEngine.from_model(exported.onnx, exported.spec(_FLOOR), "cpu")
    noise = np.random.default_rng(0)
    took = []
    for side in sides:
        say(f"measuring {side}×{side}")
        frame = noise.integers(0, 256, (side, side, 3), np.uint8)
        took.append((side, race([engine], [frame], rounds=_ROUNDS)[0].median_ms))
    return tuple(took)
