"""Keeps the disk below its limits: oldest PASS images first, then REVIEW; FAULT and FAIL only when allowed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lineproof.core import Decision
from lineproof.records.images import remove_image
from lineproof.records.reserve import SIZE_BYTES, Reserve
from lineproof.records.settings import RetentionSettings
from lineproof.records.store import KeptImage, Store

# Most wanted evidence last; everything after REVIEW only with `delete_rejects`.
ORDER = (Decision.PASS, Decision.REVIEW, Decision.FAULT, Decision.FAIL)
# Down to this share of the limit, so that it is not at work for every single image.
LOW_WATER = 0.95
# One step stays short: the rows of the line wait meanwhile.
STEP_IMAGES = 200
STEP_ROWS = 2_000
EVERY_S = 60.0


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds the folder."""
    return shutil.disk_usage(folder).free


class Retention:
    """Runs in the writer's thread, between two batches."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        settings: RetentionSettings,
        reserve: Reserve,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._store = store
        self._folder = folder
        self._settings = settings
        self._reserve = reserve
        self._free = free
        self._max_bytes = int(settings.max_gb * 1e9)
        # Images never take the last space: the rows of the same disk would find none.
        self._min_free_bytes = max(int(settings.min_free_gb * 1e9), SIZE_BYTES)
        self._kept_bytes: int | None = None
        self._next_s = 0.0
        self._stuck_until_s = 0.0  # a step that had to remove something found nothing that may go

    @property
    def order(self) -> tuple[Decision, ...]:
        """Whose images may go, first to last."""
        return ORDER if self._settings.delete_rejects else ORDER[:2]

    def added(self, size_bytes: int) -> None:
        """An image was written."""
        self._kept_bytes = self.kept_bytes() + size_bytes

    def kept_bytes(self) -> int:
        """All images in bytes; asked of the database once, then counted."""
        if self._kept_bytes is None:
            self._kept_bytes = self._store.image_bytes()
        return self._kept_bytes

    def refusal(self, size_bytes: int) -> str:
        """Why an image of this size has no room, after making some where that is allowed; "" when it has."""
        if self._short_of(size_bytes) and time.monotonic() >= self._stuck_until_s:
            self.step(datetime.now(UTC), size_bytes)
        return self._short_of(size_bytes)

    def relieve(self) -> None:
        """The disk is full: give up the reserve, so that rows can be written, and images let go, again."""
        self._reserve.give_up()
        if time.monotonic() >= self._stuck_until_s:
            self.step(datetime.now(UTC))

    def step_when_due(self) -> None:
        """A short step: at once after one that found something to remove, else once a minute."""
        if time.monotonic() >= self._next_s:
            self.step(datetime.now(UTC))

    def step(self, now: datetime, needed_bytes: int = 0) -> int:
        """Remove one portion; says how many images and rows went. Raises SQLAlchemyError, OSError."""
        excess = self._excess_bytes(needed_bytes)
        removed = self._remove_images(now, excess) + self._forget_rows(now)
        self._reserve.restore(self._free(self._folder) - self._min_free_bytes)
        if not removed:
            self._next_s = time.monotonic() + EVERY_S
            self._stuck_until_s = self._next_s if excess else 0.0
        return removed

    def _remove_images(self, now: datetime, excess_bytes: int) -> int:
        removed = 0
        for decision in self.order:
            if removed < STEP_IMAGES:
                images = self._store.oldest_images(decision, STEP_IMAGES - removed)
                chosen = choose(images, excess_bytes, self._cutoff(now))
                self._remove(chosen, now)
                excess_bytes -= sum(image.size_bytes for image in chosen)
                removed += len(chosen)
        return removed

    def _remove(self, images: Sequence[KeptImage], now: datetime) -> None:
        """First the rows, then the files: killed in between, a file is left over, never a row that names nothing."""
        if not images:
            return
        self._store.forget_images(images, now)
        self._kept_bytes = self.kept_bytes() - sum(image.size_bytes for image in images)
        for image in images:
            remove_image(self._folder, image.path)

    def _forget_rows(self, now: datetime) -> int:
        days = self._settings.max_row_days
        return 0 if days is None else self._store.forget_rows(now - timedelta(days=days), STEP_ROWS)

    def _cutoff(self, now: datetime) -> datetime | None:
        days = self._settings.max_days
        return None if days is None else now - timedelta(days=days)

    def _excess_bytes(self, needed_bytes: int) -> int:
        kept = self.kept_bytes() + needed_bytes
        over = kept - int(self._max_bytes * LOW_WATER) if kept > self._max_bytes else 0
        wanted_free = self._min_free_bytes + self._reserve.missing_bytes + needed_bytes
        return max(over, wanted_free - self._free(self._folder), 0)

    def _short_of(self, size_bytes: int) -> str:
        if self.kept_bytes() + size_bytes > self._max_bytes:
            return f"images reached {self._settings.max_gb:g} GB and none may be removed (records.retention)"
        # A reserve that was given up comes first.
        if self._free(self._folder) - size_bytes < self._min_free_bytes + self._reserve.missing_bytes:
            return f"less than {self._min_free_bytes / 1e9:g} GB are free and no image may be removed"
        return ""


def choose(images: Sequence[KeptImage], excess_bytes: int, cutoff: datetime | None) -> list[KeptImage]:
    """Of images oldest first: as many as make up the excess, and those before the cutoff."""
    chosen: list[KeptImage] = []
    for image in images:
        too_old = cutoff is not None and image.grabbed_at < cutoff
        if excess_bytes <= 0 and not too_old:
            break
        chosen.append(image)
        excess_bytes -= image.size_bytes
    return chosen
