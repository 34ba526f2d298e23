"""Disk space set aside: a full disk takes no row and no removal of an image either, until this file is given up."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = "reserve.bin"
# SQLite's log grows to 4 MB before it is moved into the database; as much again for rows until images have gone.
SIZE_BYTES = 8_000_000


class Reserve:
    """A file of real blocks that is removed when the disk is full, and made again when it no longer is."""

    def __init__(self, folder: Path, size_bytes: int = SIZE_BYTES) -> None:
        """Of `size_bytes`; 0 for a database that lies elsewhere."""
        self._path = folder / NAME
        self._size_bytes = size_bytes
        self.missing_bytes = 0 if self._whole() else size_bytes

    def give_up(self) -> None:
        """Let the database have the space."""
        with contextlib.suppress(OSError):  # asked for on a disk that is in trouble already: it may be gone
            self._path.unlink()
        self.missing_bytes = self._size_bytes

    def restore(self, free_bytes: int) -> None:
        """Make the file again when so much is free; a disk that refuses is asked again another time."""
        if not self.missing_bytes or free_bytes < self.missing_bytes:
            return
        try:
            self._write()
        except OSError:
            self.give_up()
        else:
            self.missing_bytes = 0

    def _whole(self) -> bool:
        return self._path.is_file() and self._path.stat().st_size == self._size_bytes

    def _write(self) -> None:
        with self._path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
            else:
                file.write(os.urandom(self._size_bytes))  # zeros would be no space at all to some file systems
