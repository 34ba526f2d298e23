"""Inference off the event loop: a bounded, fair line before a few threads, each of which decodes and infers.

Whatever happens to an accepted image, it ends in exactly one of four ways: an answered inspection, a refusal because
the bytes are no picture, a 429 because its place went to a caller with less than his share, or a 504 whose part is
recorded as FAULT. What a thread raises is kept by its future, so a failing engine costs one FAULT and never the thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from lineproof.core import Frame, Image, Inspection, Verdict
from lineproof.core.decode import Reduce, decode_image, decode_reduced, whole
from lineproof.core.verdict import fault
from lineproof.errors import ImageError, ImageTooLarge
from lineproof.inspector import Inspector
from lineproof.ports import Recorder
from lineproof.serve.answer import inspection_json
from lineproof.serve.errors import Refusal
from lineproof.serve.fair import FairLine
from lineproof.serve.idempotency import Answer, Outcome
from lineproof.serve.stats import Stats
from lineproof.serve.upload import Upload

log = logging.getLogger("lineproof.serve")

SOURCE_ID = "http"
STUCK_FACTOR, STUCK_MIN_S = 3, 10.0  # a part that takes three deadlines, and at least ten seconds: the engine hangs
_EMPTY = Upload(b"")


@dataclass(slots=True, eq=False)
class Job:
    """One image on its way to a verdict."""

    upload: Upload
    part_id: str
    view: str
    caller: str  # the name of the access token; "" when it has none
    origin: str
    arrived_ns: int
    arrived_at: datetime
    outcome: Outcome
    expired: bool = False  # its 504 is out; set on the event loop, read by the threads
    started_s: float | None = None
    frame: Frame | None = None  # once decoded
    timer: asyncio.TimerHandle | None = None

    def given_up(self) -> bool:
        """Whether the 504 is out by now."""
        return self.expired


@dataclass(slots=True, eq=False)
class _Turn:
    """One turn of a thread: it takes whoever is next when it begins."""

    job: Job | None = None


Done = tuple[Inspection, bytes]


class Worker:
    """Turns jobs into outcomes; everything but `_work` runs on the event loop."""

    def __init__(
        self,
        inspector: Inspector,
        recorder: Recorder | None,
        stats: Stats,
        *,
        threads: int,
        queue: int,
        deadline_ms: float,
        max_pixels: int,
        reduce: Reduce = whole,
    ) -> None:
        """Start the threads; call on the event loop. What is recorded is decoded in full, whatever `reduce` says."""
        self.inspector = inspector
        self.threads = threads
        self.queue = queue
        self.deadline_ms = deadline_ms
        self._recorder = recorder
        self._stats = stats
        self._max_pixels = max_pixels
        self._reduce = reduce if recorder is None else whole  # evidence keeps every pixel
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(threads, "lineproof-inspect")
        self._line: FairLine[Job] = FairLine(queue, threads)
        self._jobs: set[Job] = set()

    @property
    def depth(self) -> int:
        """How many images wait."""
        return len(self._line)

    def stuck_s(self) -> float:
        """How long the oldest running part has been taking, once that is beyond all reason; else 0."""
        started = [job.started_s for job in self._jobs if job.started_s is not None]
        oldest_s = time.monotonic() - min(started, default=math.inf)
        return oldest_s if oldest_s > max(STUCK_MIN_S, STUCK_FACTOR * self.deadline_ms / 1000) else 0.0

    def submit(self, job: Job) -> None:
        """Queue a job; raises Refusal (429) when the queue is full and its caller has his share of it."""
        leaver = self._line.put(job.caller, job)
        if leaver is job:
            raise self._full(f"{self.queue} images are waiting already")
        self._jobs.add(job)
        left_s = self.deadline_ms / 1000 - (time.monotonic_ns() - job.arrived_ns) / 1e9
        job.timer = self._loop.call_later(left_s, self._expire, job)
        if leaver is not None:
            self._turn_away(leaver)
        turn = _Turn()
        self._pool.submit(self._take, turn).add_done_callback(lambda future: self._call_home(turn, future))

    def _full(self, message: str) -> Refusal:
        wait_s = max(1, math.ceil(len(self._jobs) * self._stats.busy_ms / 1000 / self.threads))
        return Refusal(
            "queue_full",
            message,
            hint=f"come back in {wait_s} s, send fewer at a time, or raise serve.queue",
            headers={"Retry-After": str(wait_s)},
        )

    def _turn_away(self, job: Job) -> None:
        """Its place in the line went to a caller who had less than his share."""
        self._forget(job)
        job.outcome.settle(self._full("the queue is full, and this place went to a caller with fewer images in it"))

    def _forget(self, job: Job) -> None:
        self._jobs.discard(job)
        job.upload = _EMPTY
        if job.timer is not None:
            job.timer.cancel()

    async def close(self) -> None:
        """Drop what waits, let running parts end, for one deadline at most; what hangs even then is a FAULT."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while (job := self._line.take()) is not None:
            self._line.done()
            self._end(job, None, None)
        give_up_s = time.monotonic() + self.deadline_ms / 1000
        while self._jobs and time.monotonic() < give_up_s:
            await asyncio.sleep(0.01)
        for job in self._jobs:
            log.warning("the engine still hangs; the process ends when it returns, or with a second Ctrl-C")
            self._conclude(job, self._fault(job, fault("stopped", "the server was stopped while the engine hung")))
        await asyncio.sleep(0)  # what has just ended is counted and recorded

    def _take(self, turn: _Turn) -> Done | None:
        """Work on whoever is next; in a thread."""
        turn.job = self._line.take()
        if turn.job is None:
            return None
        try:
            return self._work(turn.job)
        finally:
            self._line.done()

    def _work(self, job: Job) -> Done | None:
        """Decode, inspect, write the answer; in a thread. None: its 504 was out before the inspection began."""
        job.started_s = time.monotonic()
        image, reduction = self._image(job.upload)
        decode_ms = (time.monotonic() - job.started_s) * 1000
        job.upload = _EMPTY
        frame = Frame(image, job.part_id, SOURCE_ID, job.view, job.origin, job.arrived_ns, job.arrived_at, reduction)
        job.frame = frame
        if job.given_up():
            return None
        inspection = self.inspector.inspect(frame)
        wait_ms = max(0.0, inspection.times_ms.wait - decode_ms)
        inspection = inspection.with_times(decode=decode_ms, wait=wait_ms)
        return inspection, inspection_json(inspection)

    def _image(self, upload: Upload) -> tuple[Image, int]:
        """The pixels, and how many times smaller they are than the picture that was sent."""
        if upload.pixels is not None:
            return upload.pixels.image(upload.data), 1
        return decode_reduced(bytes(upload.data), "the upload", self._reduce, max_pixels=self._max_pixels)

    def _call_home(self, turn: _Turn, future: Future[Done | None]) -> None:
        """From a thread back to the event loop, unless the engine hung for longer than the server lived."""
        if turn.job is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._land, turn.job, future)

    def _expire(self, job: Job) -> None:
        """The deadline passed first: the caller hears 504 now, whatever comes later."""
        job.expired = True
        late = Refusal(
            "deadline",
            f"no verdict within {self.deadline_ms:g} ms; the part counts as FAULT",
            hint="send it again for a fresh inspection, lower the load, or raise serve.deadline_ms",
        )
        job.outcome.settle(late)
        if self._line.leave(job.caller, job):  # it has not begun; the others are recorded when they end
            self._end(job, None, None)

    def _land(self, job: Job, future: Future[Done | None]) -> None:
        """A thread is done with a job."""
        error = future.exception()
        self._end(job, error, None if error is not None else future.result())

    def _end(self, job: Job, error: BaseException | None, done: Done | None) -> None:
        """Nothing more comes for a job: answer, then count and record."""
        self._forget(job)
        if isinstance(error, ImageError) and not job.expired:
            job.outcome.settle(_not_an_image(error))
            return
        if not job.expired and (time.monotonic_ns() - job.arrived_ns) / 1e6 > self.deadline_ms:
            self._expire(job)
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
        job.outcome.settle(Answer(inspection.inspection_id, body))
        self._loop.call_soon(self._conclude, job, inspection)  # behind the answer: its request goes on before this

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


def _not_an_image(error: ImageError) -> Refusal:
    code = "image_too_large" if isinstance(error, ImageTooLarge) else "not_an_image"
    return Refusal(code, error.message, hint=error.hint)
