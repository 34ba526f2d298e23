"""What stands between a request and the inspector: one object per server, living on its event loop."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.types import Receive

from lineproof.errors import LineproofError
from lineproof.ports import Recorder
from lineproof.serve.errors import Refusal
from lineproof.serve.idempotency import Answer, Outcome, Repeats
from lineproof.serve.metrics import Metrics
from lineproof.serve.readiness import LOADING, READY, Loaded, Readiness, State
from lineproof.serve.schemas import BundleFacts, InspectQuery, QueueStats, StatsOut
from lineproof.serve.settings import MB, ServeSettings
from lineproof.serve.stats import Stats
from lineproof.serve.upload import Headers, Intake, Upload, UploadLimits, read_upload
from lineproof.serve.worker import Job, Worker, warm_decoder

Load = Callable[[], Loaded]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an inspection, its body still to come."""

    query: InspectQuery
    headers: Headers
    receive: Receive
    arrived_ns: int
    caller: str  # the name of the access token; "" when it has none
    origin: str  # the address it came from


class Door:
    """Readiness, uploads, repeats and the worker behind one `inspect`."""

    def __init__(self, load: Load, settings: ServeSettings, recorder: Recorder | None) -> None:
        """Take the parts; nothing starts before `open`."""
        self.settings = settings
        self.metrics = Metrics()
        self.stats = Stats(self.metrics)
        self._load = load
        self._recorder = recorder
        self._intake = Intake(int(settings.uploads_in_memory_mb * MB))
        self._limits = UploadLimits(settings.max_body_bytes, settings.max_pixels, settings.upload_timeout_s)
        self._repeats = Repeats(window_s=settings.repeat_window_s, limit=settings.repeat_limit, clock=time.monotonic)
        self._readiness = LOADING
        self._worker: Worker | None = None
        self._facts: BundleFacts | None = None
        self._trouble: Callable[[], str] = lambda: ""
        self.metrics.watch(queue_depth=self._depth, ready=lambda: self.readiness().state is State.READY)

    async def open(self, tell: Callable[[Readiness], None]) -> None:
        """Start loading in a thread of its own and return; `tell` hears how it ended."""
        pool = ThreadPoolExecutor(1, "lineproof-load")
        future = asyncio.get_running_loop().run_in_executor(pool, self._load_warm)
        future.add_done_callback(lambda done: tell(self._loaded(done)))
        pool.shutdown(wait=False)

    def _load_warm(self) -> Loaded:
        warm_decoder()
        return self._load()

    def _loaded(self, future: asyncio.Future[Loaded]) -> Readiness:
        error = None if future.cancelled() else future.exception()
        if error is not None or future.cancelled():
            hint = error.hint if isinstance(error, LineproofError) else ""
            message = error.message if isinstance(error, LineproofError) else f"{type(error).__name__}: {error}"
            self._readiness = Readiness(State.FAILED, message, hint, error)
        else:
            loaded = future.result()
            self._facts = loaded.facts
            self._trouble = loaded.trouble
            self.metrics.name_bundle(loaded.facts)
            self._worker = Worker(
                loaded.inspector,
                self._recorder,
                self.stats,
                threads=loaded.threads,
                queue=self.settings.queue,
                deadline_ms=self.settings.deadline_ms,
                max_pixels=self.settings.max_pixels,
                reduce=loaded.reduce,
            )
            self._readiness = READY
        return self._readiness

    async def close(self) -> None:
        """Let running parts end, then close the records."""
        if self._worker is not None:
            await self._worker.close()
        if self._recorder is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._recorder.close)

    def readiness(self) -> Readiness:
        """Where the server stands now; an engine that hangs makes it FAILED for as long as it hangs."""
        stuck_s = self._worker.stuck_s() if self._worker is not None else 0.0
        if stuck_s:
            return Readiness(State.FAILED, f"the engine has been busy with one part for {stuck_s:.0f} s", "restart it")
        trouble = self._trouble()
        return Readiness(State.FAILED, trouble, "it may recover; else restart it") if trouble else self._readiness

    def facts(self) -> BundleFacts:
        """What the bundle is; raises Refusal (503) while there is none."""
        readiness = self.readiness()
        if self._facts is None or readiness.state is not State.READY:
            raise readiness.refusal()
        return self._facts

    async def inspect(self, asked: Asked) -> tuple[Answer, bool]:
        """The answer to an upload, and whether it repeats an earlier one; raises Refusal."""
        worker = self._worker
        if worker is None:
            raise self._readiness.refusal()
        with self._intake.hold() as hold:
            deadline_s = (
                asked.arrived_ns / 1e9 + self.settings.deadline_ms / 1000
            )  # asyncio's clock is the monotonic one
            upload = await read_upload(asked.headers, asked.receive, hold, self._limits, deadline_s)
            outcome, repeated = self._outcome(worker, asked, upload)
            del upload
            answer = await outcome.wait()
        if isinstance(answer, Refusal):
            raise answer
        if repeated:
            self.stats.repeated()
        return answer, repeated

    def _outcome(self, worker: Worker, asked: Asked, upload: Upload) -> tuple[Outcome, bool]:
        """The outcome of the inspection this request repeats, else of a new one."""
        query = asked.query
        key = None if query.part_id is None else (query.part_id, query.view)
        earlier = None if key is None else self._repeats.find(key, lambda: _digest(upload))
        if earlier is not None:
            return earlier, True
        job = Job(
            upload=upload,
            part_id=query.part_id or uuid.uuid4().hex,
            view=query.view,
            caller=asked.caller,
            origin=asked.origin,
            arrived_ns=asked.arrived_ns,
            arrived_at=datetime.now(UTC) - timedelta(microseconds=(time.monotonic_ns() - asked.arrived_ns) / 1000),
            outcome=Outcome(),
        )
        worker.submit(job)
        if key is not None:
            self._repeats.follow(key, _digest(upload), job.outcome)  # while a thread decodes already
        return job.outcome, False

    def statistics(self) -> StatsOut:
        """Counts and latencies since the start."""
        return StatsOut(
            uptime_s=round(self.stats.uptime_s, 1),
            ready=self.readiness().state is State.READY,
            decisions=dict(self.stats.decisions),
            rate_per_s=round(self.stats.rate_per_s(), 3),
            stages_ms=self.stats.stages_ms(),
            queue=QueueStats(depth=self._depth(), capacity=self.settings.queue),
            rejected=dict(self.stats.rejected),
            late=self.stats.late,
            repeats=self.stats.repeats,
        )

    def _depth(self) -> int:
        return 0 if self._worker is None else self._worker.depth


def _digest(upload: Upload) -> bytes:
    """Of the bytes, and of what makes pixels of them."""
    digest = hashlib.sha256(upload.data)
    if upload.pixels is not None:
        digest.update(str(upload.pixels).encode())
    return digest.digest()
