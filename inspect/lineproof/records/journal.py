"""The Recorder of a line: takes every inspection at once, writes it in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lineproof.core import Image, Inspection
from lineproof.errors import RecordError
from lineproof.records.backlog import Backlog, RecorderHealth
from lineproof.records.cycle import Acknowledgement, Cycle
from lineproof.records.database import database_url, open_engine
from lineproof.records.images import ImagePolicy
from lineproof.records.lock import FolderLock
from lineproof.records.reserve import SIZE_BYTES, Reserve
from lineproof.records.retention import Retention, free_bytes
from lineproof.records.settings import RecordSettings
from lineproof.records.store import Store
from lineproof.records.writer import Writer

# A disk that hangs may not keep the process from ending.
CLOSE_S = 30.0


class Journal:
    """Implements ports.Recorder; losses and failures are counted in `health`, never raised."""

    def __init__(self, settings: RecordSettings, backlog: Backlog, writer: Writer, lock: FolderLock) -> None:
        """Finished parts, and the thread starts; `Journal.open` makes them."""
        self._backlog = backlog
        self._policy = ImagePolicy(settings.images)
        self._thread = threading.Thread(target=writer.run, args=(lock,), name="records", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls, settings: RecordSettings, *, beside: Path = Path(), free: Callable[[Path], int] = free_bytes
    ) -> Journal:
        """Open or make the records folder and its database; a relative folder lies `beside` the line file.

        Raises:
            RecordError: not a folder, not writable, full, in use, or a database that is damaged or not ours.
        """
        folder = beside / settings.folder
        url = database_url(folder, settings.url)
        lock = _lock(folder)
        try:
            store = Store(open_engine(url))
            lock.mark()
        except OSError as error:
            lock.release(clean=False)
            raise _unusable(folder, error) from None
        except RecordError:
            lock.release(clean=False)
            raise
        backlog = Backlog(settings.backlog)
        reserve = Reserve(folder, SIZE_BYTES if url.get_backend_name() == "sqlite" else 0)
        retention = Retention(store, folder, settings.retention, reserve, free)
        return cls(settings, backlog, Writer(folder, settings, backlog, store, retention), lock)

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        """Hand over and return at once; the pixels are kept by reference, so nobody may write to them afterwards.

        A triggered station says with `cycle` which trigger this answers.
        """
        wanted = image is not None and self._policy.wants(inspection.decision)
        self._backlog.put(inspection, image if wanted else None, cycle)

    def acknowledge(self, receipt: Acknowledgement) -> None:
        """The controller has read a result that was put before; returns at once, on the disk within about a second."""
        self._backlog.acknowledge(receipt)

    def health(self) -> RecorderHealth:
        """What was written, what waits, what was lost, and the last error."""
        health = self._backlog.health()
        if self._thread.is_alive() or self._backlog.closed:
            return health
        return replace(health, failing=True, last_error=f"the writer stopped: {health.last_error or 'see the log'}")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put so far is on the disk; says whether it is."""
        return self._backlog.wait_empty(timeout_s)

    def close(self) -> None:
        """Write what is pending, then stop; what a full disk does not take is counted in `health`."""
        self._backlog.close()
        self._thread.join(CLOSE_S)


def _lock(folder: Path) -> FolderLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FolderLock(folder)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> RecordError:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return RecordError(
            f"{folder}: not a folder, so nothing can be recorded in it", hint="set records.folder to one"
        )
    return RecordError(
        f"{folder}: cannot be written ({error.strerror})", hint="check its owner and the free space of the disk"
    )
