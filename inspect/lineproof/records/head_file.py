"""How far the chain got, kept beside the database: without it nobody sees that a tail was cut off.

Overwritten in place after each commit and not flushed: it may lag behind after a power cut, it is never ahead.
"""

from __future__ import annotations

import os
from pathlib import Path

from lineproof.records.chain import Head

# Always the same length, never truncated: that needs no space on a full disk, and one write of it is never half done.
_LENGTH = 96


def head_path(folder: Path, database_id: str) -> Path:
    """The head file of one database: one that was moved away leaves its own behind."""
    return folder / f"chain-{database_id[:8]}.head"


def read_head(folder: Path, database_id: str) -> Head | None:
    """What was written last; None where there is no such file or nothing readable in it. Raises OSError."""
    path = head_path(folder, database_id)
    if not path.is_file():
        return None
    return parse_head(database_id, path.read_bytes().decode("ascii", "replace"))


def parse_head(database_id: str, words: str) -> Head | None:
    """`POSITION SHA256` or `POSITION:SHA256`, as `records verify` prints it; None for anything else."""
    parts = words.replace(":", " ").split()
    if len(parts) != 2 or not parts[0].isdecimal() or len(parts[1]) != 64:
        return None
    return Head(database_id, int(parts[0]), parts[1])


class HeadFile:
    """Held open by the writer."""

    def __init__(self, folder: Path, database_id: str) -> None:
        """Open or make it; raises OSError."""
        self.database_id = database_id
        self._descriptor = os.open(head_path(folder, database_id), os.O_RDWR | os.O_CREAT, 0o644)

    def write(self, head: Head) -> None:
        """Say how far the chain got; raises OSError."""
        words = f"{head.position} {head.sha256}".ljust(_LENGTH - 1) + "\n"
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, words.encode("ascii"))

    def close(self) -> None:
        """Flush it to the disk; raises OSError."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
