"""The one thread that writes: images first, then their rows, again and again until the disk takes them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from lineproof.core import Image
from lineproof.errors import RecordError
from lineproof.records.backlog import Backlog, Pending
from lineproof.records.chain import Head
from lineproof.records.database import reason
from lineproof.records.entries import Kind, acknowledged, entry
from lineproof.records.head_file import HeadFile, read_head
from lineproof.records.images import encode, image_path, suffix_of, write_image
from lineproof.records.lock import FolderLock
from lineproof.records.retention import Retention
from lineproof.records.rows import boot_id, row_of
from lineproof.records.settings import RecordSettings
from lineproof.records.store import Store
from lineproof.records.sweep import sweep

IDLE_S = 1.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# A failed fsync is never repeated on the same file; a fresh one gets one more chance.
IMAGE_TRIES = 2
# After `close`, a disk that takes nothing is tried this often more before the rest is counted as lost.
LAST_TRIES = 3


class Writer:
    """Everything here runs in the writer's thread."""

    def __init__(
        self, folder: Path, settings: RecordSettings, backlog: Backlog, store: Store, retention: Retention
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._backlog = backlog
        self._store = store
        self._retention = retention
        self._boot = boot_id()
        self._clean = False
        self._head_file: HeadFile | None = None
        self._told: Head | None = None  # what the head file says

    def run(self, lock: FolderLock) -> None:
        """Sweep what a killed writer left, then write until the backlog is closed and empty."""
        self._clean = self._sweep(lock)
        self._tried(self._check_tail)
        self._tried(self._retention.step_when_due)
        while True:
            batch = self._backlog.take(IDLE_S)
            if batch:
                self._keep(batch)
            self._keep_receipts()
            self._tried(self._tell_head)
            if not batch and self._backlog.closed:
                break
            self._tried(self._retention.step_when_due)
        self._tried(self._close_head)
        self._store.renew()  # the last connection closed: SQLite moves its log into the database
        self._tried(lambda: lock.release(clean=self._clean))

    def _check_tail(self) -> None:
        """Less in the database than the head file says was written: the loss becomes part of the chain."""
        head = self._store.head
        kept = read_head(self._folder, head.database_id)
        if kept is None:
            return
        found = self._store.chain_sha256(kept.position)
        replaced = found is not None and found != kept.sha256
        if kept.position > head.position or replaced:
            facts = {"kept": [kept.position, kept.sha256], "found": [head.position, head.sha256]}
            self._store.add_entries([entry(Kind.TAIL_LOST, "", facts)])
            self._backlog.remark(f"records were lost or rewritten: entry {kept.position} is not as it was written")

    def _tell_head(self) -> None:
        """Keep the head beside the database, where it moved; a database made anew gets a file of its own."""
        head = self._store.head
        if head == self._told:
            return
        if self._head_file is None or self._head_file.database_id != head.database_id:
            self._close_head()
            self._head_file = HeadFile(self._folder, head.database_id)
        self._head_file.write(head)
        self._told = head

    def _close_head(self) -> None:
        if self._head_file is not None:
            self._head_file.close()
            self._head_file = None

    def _keep_receipts(self) -> None:
        """Write what controllers acknowledged; a disk that takes nothing is tried again until the end, then counted."""
        receipts = self._backlog.receipts()
        if not receipts:
            return
        try:
            self._store.add_entries([acknowledged(receipt, self._boot) for receipt in receipts])
        except (OSError, SQLAlchemyError, RecordError) as error:
            self._backlog.failed(_words(error), failing=False)
            self._store.renew()
            if not self._backlog.closed:
                return
            self._backlog.received(len(receipts), written=False)
        else:
            self._backlog.received(len(receipts), written=True)

    def _sweep(self, lock: FolderLock) -> bool:
        """Says whether the folder holds nothing half-done any more."""
        if lock.killed_since_s is None:
            return True
        try:
            # In a new database no row names the images of the old one; they are not orphans.
            sweep(self._folder, self._store, lock.killed_since_s, images=not self._store.new)
            lock.swept()
        except (OSError, SQLAlchemyError) as error:
            self._backlog.failed(_words(error), failing=False)
            return False
        return True

    def _keep(self, batch: list[Pending]) -> None:
        """Try until the rows are on the disk; once closed only a few times more, and then all that waits is lost."""
        tries_left = LAST_TRIES
        for pause_s in _pauses():
            if self._written(batch):
                self._backlog.finish(batch)
                return
            if self._backlog.wait_closed(pause_s):
                tries_left -= 1
                if tries_left == 0:
                    self._clean = False  # images of these rows may lie on the disk
                    self._backlog.abandon(batch)
                    return
                time.sleep(FIRST_PAUSE_S)

    def _written(self, batch: list[Pending]) -> bool:
        for item in batch:
            self._write_image(item)
        rows = [self._row(item) for item in batch]
        try:
            self._store.insert(rows)
        except (DataError, IntegrityError) as error:
            self._backlog.failed(_words(error), failing=False)
            return self._written_singly(batch, rows)
        except (OSError, SQLAlchemyError, RecordError) as error:
            self._backlog.failed(_words(error), failing=True)
            self._store.renew()
            self._make_room(error)
            return False
        return True

    def _written_singly(self, batch: list[Pending], rows: list[dict[str, object]]) -> bool:
        """One row that the database refuses for what is in it must not hold up all the others."""
        for item, row in zip(batch, rows, strict=True):
            try:
                self._store.insert([row])
            except (DataError, IntegrityError):
                item.refused = True
            except (OSError, SQLAlchemyError, RecordError) as error:
                self._backlog.failed(_words(error), failing=True)
                return False
        return True

    def _row(self, item: Pending) -> dict[str, object]:
        note = item.note
        if item.image is not None and item.stored is None:
            note = f"image not written: {item.image_error}"
        return row_of(item.inspection, self._boot, item.stored, note, item.cycle)

    def _write_image(self, item: Pending) -> None:
        """Leaves `stored` set, or `image_error`; an image of an earlier attempt is not written twice."""
        if item.image is None or item.stored is not None:
            return
        for _ in range(IMAGE_TRIES):
            item.image_error = ""
            try:
                self._store_image(item, item.image)
            except (OSError, SQLAlchemyError, RecordError) as error:
                item.image_error = _words(error)
                self._backlog.failed(item.image_error, failing=False)
                self._make_room(error)
            else:
                return

    def _store_image(self, item: Pending, image: Image) -> None:
        data = encode(image, self._settings.images)
        item.image_error = self._retention.refusal(len(data))
        if item.image_error:
            self._backlog.remark(item.image_error)
            return
        path = image_path(item.inspection, suffix_of(self._settings.images))
        item.stored = write_image(self._folder, path, data)
        self._retention.added(item.stored.size_bytes)

    def _make_room(self, error: Exception) -> None:
        """A full disk: give up the reserve and some old images at once, where that is allowed."""
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        # SQLite says the second when its index of the log cannot grow.
        if full or any(words in str(error) for words in ("disk is full", "disk I/O error")):
            self._tried(self._retention.relieve)

    def _tried(self, tidy: Callable[[], None]) -> None:
        try:
            tidy()
        except (OSError, SQLAlchemyError, RecordError) as error:
            self._backlog.failed(_words(error), failing=False)


def _pauses() -> Iterator[float]:
    """Seconds between attempts: doubling, up to a limit, for ever."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _words(error: Exception) -> str:
    """What the operating system or the database said, on one line."""
    if isinstance(error, SQLAlchemyError):
        return reason(error)
    if isinstance(error, OSError) and error.errno is not None:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{os.strerror(error.errno)}"
    return str(error)
