"""Inference off the event loop: a bounded queue before a few threads, one of which infers while others decode.

Whatever happens to an accepted image, it ends in exactly one of three ways: an answered inspection, a refusal because
the bytes are no picture, or a 504 whose part is recorded as FAULT. What a thread raises is kept by its future, so a
failing engine costs one FAULT and never the thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

import cv2
import numpy as np

from lineproof.core import Frame, Inspection, Verdict
from lineproof.core.decode import decode_image
from lineproof.core.verdict import fault
from lineproof.errors import ImageError, ImageTooLarge
from lineproof.inspector import Inspector
from lineproof.ports import Recorder
from lineproof.serve.answer import inspection_json
from lineproof.serve.errors import Refusal
from lineproof.serve.idempotency import Answer, Outcome
from lineproof.serve.stats import Stats

log = logging.getLogger("lineproof.serve")

SOURCE_ID = "http"
THREADS = 2  # one decodes while the other infers; the engine itself is used by one at a time
STUCK_FACTOR, STUCK_MIN_S = 3, 10.0  # a part that takes three deadlines, and at least ten seconds: the engine hangs


@dataclass(slots=True, eq=False)
class Job:
    """One image on its way to a verdict."""

    data: bytes
    part_id: str
    view: str
    origin: str
    arrived_ns: int
    arrived_at: datetime
    outcome: asyncio.Future[Outcome]
    expired: bool = False  # its 504 is out; set on the event loop, read by the threads
    started_s: float | None = None
    frame: Frame | None = None  # once decoded
    timer: asyncio.TimerHandle | None = None
    future: Future[tuple[Inspection, bytes] | None] | None = field(default=None, repr=False)

    def given_up(self) -> bool:
        """Whether the 504 is out by now."""
        return self.expired


class Worker:
    """Turns jobs into outcomes; everything but `_work` runs on the event loop."""

    def __init__(
        self,
        inspector: Inspector,
        recorder: Recorder | None,
        stats: Stats,
        *,
        queue: int,
        deadline_ms: float,
        max_pixels: int,
    ) -> None:
        """Start the threads; must be called on the event loop."""
        self.inspector = inspector
        self.deadline_ms = deadline_ms
        self.queue = queue
        self._recorder = recorder
        self._stats = stats
        self._max_pixels = max_pixels
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(THREADS, "lineproof-inspect")
        self._engine = Lock()
        self._jobs: set[Job] = set()

    @property
    def depth(self) -> int:
        """How many images wait."""
        return sum(job.started_s is None for job in self._jobs)

    def stuck_s(self) -> float:
        """How long the oldest running part has been taking, once that is beyond all reason; else 0."""
        started = [job.started_s for job in self._jobs if job.started_s is not None]
        oldest_s = time.monotonic() - min(started, default=math.inf)
        return oldest_s if oldest_s > max(STUCK_MIN_S, STUCK_FACTOR * self.deadline_ms / 1000) else 0.0

    def submit(self, job: Job) -> None:
        """Queue a job; raises Refusal (429) when the queue is full."""
        if len(self._jobs) >= self.queue + THREADS:
            wait_s = max(1, math.ceil(len(self._jobs) * self._stats.busy_ms / 1000))
            raise Refusal(
                "queue_full",
                f"{self.queue} images are waiting already",
                hint=f"come back in {wait_s} s, send fewer at a time, or raise serve.queue",
                headers={"Retry-After": str(wait_s)},
            )
        self._jobs.add(job)
        left_s = self.deadline_ms / 1000 - (time.monotonic_ns() - job.arrived_ns) / 1e9
        job.timer = self._loop.call_later(left_s, self._expire, job)
        job.future = self._pool.submit(self._work, job)
        job.future.add_done_callback(lambda _: self._call_home(job))

    async def close(self) -> None:
        """Drop what waits, let running parts end, for one deadline at most; what hangs even then is a FAULT."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        give_up_s = time.monotonic() + self.deadline_ms / 1000
        while self._jobs and time.monotonic() < give_up_s:
            await asyncio.sleep(0.01)
        for job in self._jobs:
            log.warning("the engine still hangs; the process ends when it returns, or with a second Ctrl-C")
            self._conclude(job, self._fault(job, fault("stopped", "the server was stopped while the engine hung")))

    def _work(self, job: Job) -> tuple[Inspection, bytes] | None:
        """Decode, inspect, write the answer; in a thread. None: its 504 was out before the engine was free."""
        job.started_s = time.monotonic()
        if job.given_up():
            return None
        image = decode_image(job.data, "the upload", max_pixels=self._max_pixels)
        decode_ms = (time.monotonic() - job.started_s) * 1000
        job.data = b""
        frame = Frame(image, job.part_id, SOURCE_ID, job.view, job.origin, job.arrived_ns, job.arrived_at)
        job.frame = frame
        with self._engine:
            if job.given_up():
                return None
            inspection = self.inspector.inspect(frame)
        wait_ms = max(0.0, inspection.times_ms.wait - decode_ms)
        inspection = inspection.with_times(decode=decode_ms, wait=wait_ms)
        return inspection, inspection_json(inspection)

    def _call_home(self, job: Job) -> None:
        """From a thread back to the event loop, unless the engine hung for longer than the server lived."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._land, job)

    def _expire(self, job: Job) -> None:
        """The deadline passed first: the caller hears 504 now, whatever comes later."""
        job.expired = True
        late = Refusal(
            "deadline",
            f"no verdict within {self.deadline_ms:g} ms; the part counts as FAULT",
            hint="send it again for a fresh inspection, lower the load, or raise serve.deadline_ms",
        )
        if not job.outcome.done():
            job.outcome.set_result(late)
        if job.future is not None:
            job.future.cancel()  # only a job that has not begun; the others are recorded when they end

    def _land(self, job: Job) -> None:
        """A thread is done with a job, or it was cancelled: answer, then count and record."""
        future = job.future
        assert future is not None
        self._jobs.discard(job)
        job.data = b""
        if job.timer is not None:
            job.timer.cancel()
        error = None if future.cancelled() else future.exception()
        if isinstance(error, ImageError) and not job.expired:
            _give(job, _not_an_image(error))
            return
        if not job.expired and (time.monotonic_ns() - job.arrived_ns) / 1e6 > self.deadline_ms:
            self._expire(job)
        done = None if future.cancelled() or error is not None else future.result()
        inspection, body = done or (None, b"")
        if job.expired:
            inspection = self._too_late(job, inspection)
        elif inspection is None:
            why = (
                fault("engine", f"{type(error).__name__}: {error}")
                if error
                else fault("stopped", "the server was stopped")
            )
            inspection = self._fault(job, why)
            body = inspection_json(inspection)
        _give(job, Answer(inspection.inspection_id, body))
        self._conclude(job, inspection)

    def _conclude(self, job: Job, inspection: Inspection) -> None:
        """Count and record the one decision about a part."""
        self._stats.inspected(inspection)
        if self._recorder is not None:
            self._recorder.put(inspection, None if job.frame is None else job.frame.image)

    def _too_late(self, job: Job, inspection: Inspection | None) -> Inspection:
        """What is recorded for a part whose caller was told 504."""
        limit = f"deadline {self.deadline_ms:g} ms"
        if inspection is None:
            return self._fault(job, fault("deadline", f"no verdict in time: {limit}"))
        self._stats.came_late()
        text = f"{inspection.decision} came after {inspection.times_ms.total:.0f} ms: {limit}"
        return inspection.with_verdict(fault("deadline", text))

    def _fault(self, job: Job, verdict: Verdict) -> Inspection:
        if job.frame is not None:
            return self.inspector.faulted(job.frame, verdict)
        return self.inspector.missed(job.part_id, SOURCE_ID, verdict, view=job.view)


def warm_decoder() -> None:
    """Decode a picture and a non-picture: the first of each costs 0.1 s of imports, which no part should wait for."""
    _, data = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
    decode_image(data.tobytes(), "warm-up")
    with suppress(ImageError):
        decode_image(b"no picture", "warm-up")


def _give(job: Job, outcome: Outcome) -> None:
    """Answer, unless a 504 did so before."""
    if not job.outcome.done():
        job.outcome.set_result(outcome)


def _not_an_image(error: ImageError) -> Refusal:
    code = "image_too_large" if isinstance(error, ImageTooLarge) else "not_an_image"
    return Refusal(code, error.message, hint=error.hint)
