"""One writer per records folder, and whether the last one ended as it should."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lineproof.errors import RecordError
from lineproof.file_lock import lock_file

NAME = "journal.lock"
# Always overwritten in place, never truncated: that needs no space on a full disk.
_LENGTH = 40
_CLOSED = "closed"


class FolderLock:
    """Held by the operating system for as long as the process lives; what is written in it outlives `kill -9`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raises RecordError when another process records here, OSError when it cannot be made."""
        self._descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
        content = os.read(self._descriptor, _LENGTH).decode("ascii", "replace").split()
        at_work = len(content) == 2 and all(word.isdigit() for word in content)
        try:
            lock_file(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            owner = f"process {content[0]}" if at_work else "another process"
            raise RecordError(
                f"{folder}: {owner} records here already", hint="give each line its own `records.folder`"
            ) from None
        # When the killed writer began, by the wall clock that also dates files; None after a proper end.
        self.killed_since_s = int(content[1]) if at_work else None

    def mark(self) -> None:
        """Say that a writer is at work; what an earlier, killed one began is remembered. Raises OSError."""
        # One second early: file systems date files by a coarser clock.
        began_s = int(time.time()) - 1 if self.killed_since_s is None else self.killed_since_s
        self._write(f"{os.getpid()} {began_s}")

    def swept(self) -> None:
        """What the killed writer left is gone; raises OSError."""
        self.killed_since_s = None
        self.mark()

    def release(self, *, clean: bool) -> None:
        """Let the next one in; `clean` when nothing was left half-done."""
        try:
            if clean:
                self._write(_CLOSED)
        finally:
            os.close(self._descriptor)

    def _write(self, words: str) -> None:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, words.ljust(_LENGTH - 1).encode("ascii") + b"\n")
