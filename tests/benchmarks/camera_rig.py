"""A virtual 1080p camera with a driver's queue: a process of its own that stamps exposures, and the read that dequeues.

As V4L2 has it: the driver owns `DEPTH` buffers; a frame that finds all of them filled is dropped, so the *newest* is
lost and what waits grows old. Filling a buffer costs the processor nothing (DMA); reading copies 6 MB out of it, as
OpenCV does. The pixels come from a ring of prepared frames; the exposure's monotonic nanoseconds are written over the
first eight bytes of each copy, so that every loop can tell the age of what it decided about.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.context import SpawnProcess

import numpy as np

DEPTH = 4
WH = (1920, 1080)


class VirtualCamera:
    """The camera and its driver; `read` by one thread at a time."""

    def __init__(self, ring: list[np.ndarray], fps: float) -> None:
        """`ring`: prepared frames `(1080, 1920, 3)` uint8 BGR, shown in turn."""
        context = multiprocessing.get_context("spawn")
        self.fps = fps
        self._ring = ring
        self._filled, self._free = context.Semaphore(0), context.Semaphore(DEPTH)
        self._stamps = context.RawArray("q", DEPTH)
        self._exposed, self._dropped = context.RawValue("q", 0), context.RawValue("q", 0)
        self._cpu_ns, self._over = context.RawValue("q", 0), context.RawValue("b", 0)
        shared = (fps, self._filled, self._free, self._stamps, self._exposed, self._dropped, self._cpu_ns, self._over)
        self._process: SpawnProcess = context.Process(target=_expose, args=shared, daemon=True)
        self._read = 0

    def start(self) -> VirtualCamera:
        """Frames begin to come; returns once the first has."""
        self._process.start()
        while not self._exposed.value:
            time.sleep(0.01)
        return self

    def read(self, timeout_s: float = 5.0) -> np.ndarray:
        """The oldest frame of the driver's queue, copied; raises TimeoutError when none comes."""
        if not self._filled.acquire(timeout=timeout_s):
            raise TimeoutError("the virtual camera is silent")
        stamp = self._stamps[self._read % DEPTH]
        image = self._ring[self._read % len(self._ring)].copy()
        self._read += 1
        self._free.release()
        image.reshape(-1)[:8] = np.frombuffer(np.int64(stamp).tobytes(), np.uint8)
        return image

    @property
    def counts(self) -> dict[str, float]:
        """So far: frames exposed, of these dropped by the driver, and processor seconds of the camera."""
        return {
            "exposed": self._exposed.value,
            "driver_drops": self._dropped.value,
            "camera_cpu_s": self._cpu_ns.value / 1e9,
        }

    def stop(self) -> None:
        """Switch off."""
        self._over.value = 1
        self._process.join(5)


def exposed_ns(image: np.ndarray) -> int:
    """When the frame was exposed, by the monotonic clock; 0 for a picture that no camera took."""
    return int(np.frombuffer(image.reshape(-1)[:8].tobytes(), np.int64)[0])


def _expose(fps, filled, free, stamps, exposed, dropped, cpu_ns, over) -> None:
    """The camera's process: one exposure an interval, by an absolute schedule."""
    if hasattr(os, "nice"):
        _real_time()
    interval_s, due_s, written = 1 / fps, time.monotonic(), 0
    while not over.value:
        due_s += interval_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        if free.acquire(block=False):
            stamps[written % DEPTH] = time.monotonic_ns()
            written += 1
            filled.release()
        else:
            dropped.value += 1
        exposed.value += 1
        cpu_ns.value = time.process_time_ns()


def _real_time() -> None:
    """A camera is not late because the processor is busy: ahead of everybody where that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except (AttributeError, OSError):
        try:
            os.nice(-10)
        except OSError:
            return
