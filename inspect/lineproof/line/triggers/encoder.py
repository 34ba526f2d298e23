"""A trigger at every pitch that a belt has moved on, by the counts of its encoder."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil
from typing import Self

from pydantic import Field, model_validator

from lineproof.core.numbering import Numbering
from lineproof.core.station import Command, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.line.triggers.reading import after_reading
from lineproof.settings import StrictModel

COUNT_MODULUS = 1 << 32  # encoder counts are uint32 and wrap
QUEUED = 64  # triggers; a loop that leaves so many is not running


class EncoderSettings(StrictModel):
    """Where triggers lie on the belt; lengths in counts, or in mm with `counts_per_mm`."""

    pitch: float = Field(gt=0, description="between two triggers, in counts, or in mm with counts_per_mm")
    offset: float | None = Field(
        default=None, gt=0, description="of the first trigger from the first position seen; default: one pitch"
    )
    counts_per_mm: float | None = Field(
        default=None, gt=0, description="of the belt, all edges counted; default: pitch and offset are counts"
    )
    backwards: bool = Field(default=False, description="the counts fall while the belt moves forward")
    # A counter that was set anew looks like a move; nothing on a belt moves so far between two readings.
    most_pitches: int = Field(
        default=8, ge=1, le=1000, description="a move of more pitches between two positions is a counter set anew"
    )
    max_age_ms: float = Field(
        default=100, gt=0, le=60_000, description="a trigger that waited longer is void: its part has moved on"
    )

    @model_validator(mode="after")
    def _whole_counts(self) -> Self:
        if self.in_counts(self.pitch) < 1:
            raise ValueError("pitch is less than one count")
        if self.in_counts(self.pitch) * self.most_pitches >= COUNT_MODULUS // 2:
            raise ValueError(
                "pitch × most_pitches must stay below 2³¹ counts, where a count of 32 bits turns ambiguous"
            )
        return self

    def in_counts(self, length: float) -> Fraction:
        """Exactly as written, so that a pitch of 0.1 does not drift."""
        return Fraction(str(length)) * Fraction(str(self.counts_per_mm or 1))


class Pitches:
    """Positions to crossings of the grid: pure.

    A place on the belt triggers once: only ground that was never reached before counts, so neither reversing nor jitter
    at a boundary triggers twice.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._pitch = settings.in_counts(settings.pitch)
        self._offset = self._pitch if settings.offset is None else settings.in_counts(settings.offset)
        self._sign = -1 if settings.backwards else 1
        self._farthest_step = ceil(self._pitch * settings.most_pitches)
        self.restart()

    def restart(self) -> None:
        """The next position is the first one."""
        self._last: int | None = None  # uint32
        self._moved = 0  # counts from the first position, forward, without wrapping
        self._crossed = 0
        self._next = ceil(self._offset)

    def moved_to(self, count: int) -> list[int] | None:
        """Encoder counts (uint32) of the boundaries that were crossed on the way to this one, in order.

        None: the counter jumped, so it is no longer known where the belt is; this position is the first one again.
        """
        if self._last is None:
            self._last = count
            return []
        step = (count - self._last + COUNT_MODULUS // 2) % COUNT_MODULUS - COUNT_MODULUS // 2
        if abs(step) > self._farthest_step:
            self.restart()
            self._last = count
            return None
        self._last = count
        self._moved += self._sign * step
        crossed = []
        while self._moved >= self._next:
            crossed.append((count - self._sign * (self._moved - self._next)) % COUNT_MODULUS)
            self._crossed += 1
            self._next = ceil(self._offset + self._crossed * self._pitch)
        return crossed


class EncoderTrigger:
    """Implements ports.Controller; positions come in by `moved_to` from whoever reads the encoder, in any one thread."""

    def __init__(
        self,
        settings: EncoderSettings,
        numbering: Numbering,
        *,
        acknowledge: bool = True,
        wake: Callable[[], None] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`acknowledge`: take the last result back before each trigger; not where another wire has somebody who does.

        `wake` is called, by the thread of `moved_to`, after a trigger was queued.
        """
        self._pitches = Pitches(settings)
        self._max_age_ms = settings.max_age_ms
        self._numbering = numbering
        self._acknowledge = acknowledge
        self._wake = wake or (lambda: None)
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._queue: deque[tuple[int, int]] = deque()  # count of the boundary, when it was crossed
        self._upset = ""  # told once, by the next `commands`
        self._view: StationView | None = None
        self._closed = False

    def moved_to(self, count: int) -> None:
        """The encoder stands at `count` (uint32)."""
        with self._lock:
            crossed = self._pitches.moved_to(count % COUNT_MODULUS)
            if crossed is None:
                self._forget(f"the count jumped to {count}: the belt's position starts anew")
                return
            now_ns = self._clock_ns()
            self._queue.extend((boundary, now_ns) for boundary in crossed)
            if len(self._queue) > QUEUED:
                self._forget(f"{QUEUED} triggers wait already: the decision loop does not take them")
        if crossed:
            self._wake()

    def lost(self, why: str) -> None:
        """Counts were lost; the next position is the first one again."""
        with self._lock:
            self._pitches.restart()
            self._forget(why)

    def show(self, view: StationView) -> None:
        """Remember which result stands there."""
        self._require_open()
        self._view = view

    def commands(self) -> Sequence[Command]:
        """A trigger for each boundary crossed since the last call.

        Raises:
            SignalError: it was closed; or, once for each time, the position was lost or a trigger is void.
        """
        self._require_open()
        with self._lock:
            if self._upset:
                why, self._upset = self._upset, ""
                raise SignalError(f"encoder: {why}")
            waiting = list(self._queue)
            self._queue.clear()
        if not waiting:
            return ()
        triggers = [Triggered(self._numbering.next(), encoder=boundary) for boundary, _ in waiting]
        age_ms = (self._clock_ns() - waiting[0][1]) / 1e6
        if age_ms > self._max_age_ms:
            raise SignalError(
                f"encoder: {len(waiting)} triggers waited up to {age_ms:.0f} ms: their parts have moved on"
            )
        return after_reading(self._view if self._acknowledge else None, triggers)

    def close(self) -> None:
        """No more triggers."""
        self._closed = True

    def _forget(self, why: str) -> None:
        self._queue.clear()
        self._upset = why

    def _require_open(self) -> None:
        if self._closed:
            raise SignalError("encoder: it was closed")
