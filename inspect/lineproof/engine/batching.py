"""Several callers, one run: while one batch is on the GPU, the next one gathers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Protocol

from lineproof.core import Detections, Image, StageTimes
from lineproof.errors import EngineError
from lineproof.ports import Engine

Found = tuple[Detections, StageTimes]

GATHER_SHARE = 0.1  # of the deadline: waiting for company may never be what makes an answer late
PATIENCE_S = 10.0  # a batch that takes longer hangs; `serve` and `line` have told their callers long before


class BatchEngine(Engine, Protocol):
    """An engine that can run several images at once."""

    def detect_many(self, images: Sequence[Image]) -> list[Found]:
        """One answer for each image, in order; raises EngineError when the run failed."""


@dataclass(slots=True, eq=False)
class _Call:
    """One caller with his image."""

    image: Image
    found: Found | None = None
    failed: bool = False  # its batch did; the caller tries again by himself


@dataclass(slots=True, eq=False)
class _Batch:
    """A batch on its way; whoever gathered it runs it."""

    started_s: float
    calls: list[_Call] = field(default_factory=list)


def gather_s(gather_ms: float, deadline_ms: float) -> float:
    """How long a batch may wait for company, in seconds: what was asked for, at most a tenth of the deadline."""
    return min(gather_ms, GATHER_SHARE * deadline_ms) / 1000


class BatchingEngine:
    """Natural batching: a call that finds the engine free runs at once, the others wait and run together next.

    The first in line leads: he takes what waits, at most `max_batch`, runs it, and hands everybody his answer.
    When a batch fails, each of its callers runs his own image alone: one bad image is nobody else's fault, and each
    failure is raised where it belongs. When a batch hangs, its callers get EngineError after `patience_s`, and the next
    call leads a fresh batch beside it.
    """

    def __init__(
        self,
        engine: BatchEngine,
        max_batch: int,
        *,
        gather_s: float = 0.0,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap an engine that runs up to `max_batch` images.

        A batch waits `gather_s` for company, by default not at all, and never when the last one was a lone call.
        """
        if max_batch < 1:
            raise ValueError(f"max_batch: expected 1 or more, got {max_batch}")
        self.engine = engine
        self.max_batch = max_batch
        self.classes = engine.classes
        self.input_wh = engine.input_wh
        self.provider = engine.provider
        self.fallback: str = getattr(engine, "fallback", "")
        self._gather_s = gather_s
        self._patience_s = patience_s
        self._clock = clock
        self._changed = Condition()
        self._waiting: list[_Call] = []
        self._running: _Batch | None = None
        self._had_company = False  # the last batch was more than one call: more may come

    def detect(self, image: Image) -> Found:
        """Detections of one image; raises EngineError when its run failed or hangs."""
        call = _Call(image)
        batch = self._join(call)
        if batch is not None:
            self._run(batch)
        if call.found is not None:
            return call.found
        if call.failed:
            return self.engine.detect(image)
        raise EngineError(f"the engine has been busy with one batch for {self._patience_s:g} s", hint="restart it")

    def _join(self, call: _Call) -> _Batch | None:
        """Wait until the call is answered, failed or given up (None), or leads the batch that comes back."""
        with self._changed:
            self._waiting.append(call)
            if self._gather_s:
                self._changed.notify_all()  # somebody may be gathering
            give_up_s = self._clock() + self._patience_s
            while call.found is None and not call.failed:
                first = bool(self._waiting) and self._waiting[0] is call
                busy_s = self._busy_for_s()
                if first and busy_s <= 0:
                    return self._lead()
                left_s = give_up_s - self._clock()
                if left_s <= 0:
                    if call in self._waiting:
                        self._waiting.remove(call)
                        self._changed.notify_all()  # another one is first now
                    return None
                self._changed.wait(min(left_s, busy_s) if first else left_s)
            return None

    def _busy_for_s(self) -> float:
        """How long the running batch may still take before it counts as hanging; 0 when none runs."""
        return 0.0 if self._running is None else self._running.started_s + self._patience_s - self._clock()

    def _lead(self) -> _Batch:
        """Gather what waits, the oldest first; the lock is held, but for the wait for company."""
        batch = self._running = _Batch(self._clock())
        until_s = batch.started_s + (self._gather_s if self._had_company else 0.0)
        while len(self._waiting) < self.max_batch and (left_s := until_s - self._clock()) > 0:
            self._changed.wait(left_s)
        batch.calls = self._waiting[: self.max_batch]
        del self._waiting[: self.max_batch]
        self._had_company = len(batch.calls) > 1
        self._changed.notify_all()  # another one is first now
        return batch

    def _run(self, batch: _Batch) -> None:
        """Run a batch and tell its callers; whatever happens, nobody is left waiting for it."""
        answers: list[Found] = []
        try:
            answers = self.engine.detect_many([call.image for call in batch.calls])
        except EngineError:
            if len(batch.calls) == 1:
                raise
        finally:
            with self._changed:
                complete = len(answers) == len(batch.calls)
                for number, call in enumerate(batch.calls):
                    call.found = answers[number] if complete else None
                    call.failed = not complete
                if self._running is batch:  # else it hung, and another one runs in its place
                    self._running = None
                self._changed.notify_all()
