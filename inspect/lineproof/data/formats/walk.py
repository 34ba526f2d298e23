"""The files and folders below a folder, hidden ones left out, links followed – people link large image folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def folders_below(folder: Path) -> Iterator[Path]:
    """The folder itself and every one below it, in order of names."""
    for place, _ in _walk(folder):
        yield place


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order of folders and names."""
    for place, names in _walk(folder):
        for name in names:
            yield place / name


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    seen: set[tuple[int, int]] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen and status.st_ino:  # a link to a folder above; some file systems of Windows count no inodes
            below.clear()
            continue
        seen.add(key)
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(place), sorted(name for name in names if not name.startswith("."))
