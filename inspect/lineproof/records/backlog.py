"""Between the line and the disk: bounded, never blocking; images are lost first, then the oldest rows, all counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from lineproof.core import Decision, Image, Inspection
from lineproof.records.cycle import Acknowledgement, Cycle
from lineproof.records.images import StoredImage
from lineproof.records.settings import BacklogSettings

# Group commit: one fsync for what came within this time. A killed process loses at most this much of a healthy disk.
GATHER_S = 0.05
BATCH_ROWS = 256
# An image takes its own fsync; a few of them, and the rows that wait with them are committed.
BATCH_IMAGES = 4


@dataclass(frozen=True, slots=True)
class RecorderHealth:
    """What the recorder did and could not do; every loss is in here."""

    pending: int  # rows that wait in memory
    written: int  # rows
    dropped_images: int
    dropped_rows: int
    failures: int  # attempts to write that failed; most are tried again
    last_error: str  # "" when there was none
    failing: bool  # the last attempt failed: rows are only in memory
    dropped_acknowledgements: int = 0


@dataclass(slots=True)
class Pending:
    """One inspection on its way to the disk."""

    inspection: Inspection
    image: Image | None
    cycle: Cycle | None = None
    note: str = ""
    stored: StoredImage | None = None
    image_error: str = ""
    refused: bool = False  # by the database, for what is in it
    since_s: float = 0.0


class Backlog:
    """A ring of rows with a budget for their pixels, and the counters; any thread may call any method."""

    def __init__(self, settings: BacklogSettings) -> None:
        self._max_rows = settings.rows
        self._max_image_bytes = settings.images_mb * 1_000_000
        self._rows: deque[Pending] = deque()
        self._receipts: deque[tuple[int, Acknowledgement]] = deque()  # with the rows that had come before
        self._came = self._left = 0  # rows into and out of the ring
        self._image_bytes = 0  # held by the ring and by the batch in the writer's hands
        self._in_hand = 0
        self._changed = threading.Condition()
        self._closed = False
        self._counts = {
            "written": 0,
            "dropped_images": 0,
            "dropped_rows": 0,
            "failures": 0,
            "dropped_acknowledgements": 0,
        }
        self._last_error = ""
        self._failing = False

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        """Take it and return; never waits for anything but another thread's few instructions."""
        with self._changed:
            if self._closed:
                self._counts["dropped_rows"] += 1
                self._last_error = "a part was recorded after the recorder was closed"
                return
            item = Pending(inspection, image, cycle, since_s=time.monotonic())
            if image is not None and not self._affords(image.nbytes, inspection.decision):
                item.image = None
                item.note = "image dropped: too many were waiting for the disk"
                self._counts["dropped_images"] += 1
            self._image_bytes += item.image.nbytes if item.image is not None else 0
            if len(self._rows) >= self._max_rows:
                self._lose(self._rows.popleft())
                self._left += 1
            self._rows.append(item)
            self._came += 1
            self._changed.notify_all()

    def acknowledge(self, receipt: Acknowledgement) -> None:
        """Take a receipt and return; it wakes nobody, the writer sees it with the next rows or once a second."""
        with self._changed:
            if self._closed or len(self._receipts) >= self._max_rows:
                self._counts["dropped_acknowledgements"] += 1
            else:
                self._receipts.append((self._came, receipt))

    def receipts(self) -> list[Acknowledgement]:
        """Those whose rows are no longer waiting, oldest first; they stay until `received`."""
        with self._changed:
            return [receipt for came, receipt in self._receipts if came <= self._left]

    def received(self, number: int, *, written: bool) -> None:
        """The oldest so many are on the disk, or lost with the end of the process."""
        with self._changed:
            for _ in range(number):
                self._receipts.popleft()
            self._counts["dropped_acknowledgements"] += 0 if written else number
            self._changed.notify_all()

    def take(self, wait_s: float) -> list[Pending]:
        """The next batch, oldest first; empty when nothing came within `wait_s`. Done with it: `finish`."""
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._closed, wait_s)
            if not self._rows:
                return []
            gather_s = self._rows[0].since_s + GATHER_S - time.monotonic()
            self._changed.wait_for(lambda: len(self._rows) >= BATCH_ROWS or self._closed, max(0.0, gather_s))
            batch: list[Pending] = []
            images = 0
            while self._rows and len(batch) < BATCH_ROWS and images < BATCH_IMAGES:
                item = self._rows.popleft()
                images += item.image is not None
                batch.append(item)
            self._in_hand = len(batch)
            self._left += len(batch)
            return batch

    def finish(self, batch: list[Pending]) -> None:
        """The batch is on the disk, but for the rows the database refused."""
        with self._changed:
            self._in_hand = 0
            self._failing = False
            for item in batch:
                if item.refused:
                    self._lose(item)
                    continue
                self._let_go(item)
                self._counts["written"] += 1
                self._counts["dropped_images"] += item.image is not None and item.stored is None
            self._changed.notify_all()

    def abandon(self, batch: list[Pending]) -> None:
        """The disk takes nothing and the process ends: the batch and all that waits are lost."""
        with self._changed:
            self._in_hand = 0
            for item in (*batch, *self._rows):
                self._lose(item)
            self._rows.clear()
            self._left = self._came
            self._changed.notify_all()

    def failed(self, error: str, *, failing: bool) -> None:
        """Count an attempt that failed; `failing` when nothing reaches the disk at the moment."""
        with self._changed:
            self._counts["failures"] += 1
            self._last_error = error
            self._failing = self._failing or failing
            self._changed.notify_all()

    def remark(self, error: str) -> None:
        """Say why something is not kept, where nothing failed."""
        with self._changed:
            self._last_error = error

    def close(self) -> None:
        """Take no more; wakes the writer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        with self._changed:
            return self._closed

    def wait_closed(self, wait_s: float) -> bool:
        """Sleep, but wake up for `close`; says whether it was called."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, wait_s)

    def wait_empty(self, wait_s: float) -> bool:
        """Wait until everything put so far left memory; says whether it did."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._rows and not self._in_hand and not self._receipts, wait_s)

    def health(self) -> RecorderHealth:
        """The counters, all of one moment."""
        with self._changed:
            return RecorderHealth(
                pending=len(self._rows) + self._in_hand,
                last_error=self._last_error,
                failing=self._failing,
                **self._counts,
            )

    def _affords(self, image_bytes: int, decision: Decision) -> bool:
        """A PASS may not take the room in which the evidence of a reject would wait."""
        limit = self._max_image_bytes // 2 if decision is Decision.PASS else self._max_image_bytes
        return self._image_bytes + image_bytes <= limit

    def _lose(self, item: Pending) -> None:
        self._let_go(item)
        self._counts["dropped_rows"] += 1
        self._counts["dropped_images"] += item.image is not None

    def _let_go(self, item: Pending) -> None:
        self._image_bytes -= item.image.nbytes if item.image is not None else 0
