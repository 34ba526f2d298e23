"""How long engines take beside each other: in turns, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineproof.core import Image
from lineproof.ports import Engine

_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from image to detections."""

    median_ms: float
    p99_ms: float


def race(engines: Sequence[Engine], images: Sequence[Image], *, rounds: int = 100) -> list[Latency]:
    """One image through every engine, then the next; `rounds` images, the given ones over again."""
    took_ms = np.empty((rounds, len(engines)))
    for engine in engines:
        for index in range(_WARM_UP):
            engine.detect(images[index % len(images)])
    for index in range(rounds):
        image = images[index % len(images)]
        for column, engine in enumerate(engines):
            started = time.perf_counter()
            engine.detect(image)
            took_ms[index, column] = 1e3 * (time.perf_counter() - started)
    median, p99 = np.percentile(took_ms, (50, 99), axis=0)
    return [Latency(float(m), float(p)) for m, p in zip(median, p99, strict=True)]
