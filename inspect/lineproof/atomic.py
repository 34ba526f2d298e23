"""Files that are either whole or not there."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lineproof.errors import InputError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside the target to write to, flushed to the disk and renamed over it in the end, or gone after an error.

    Raises:
        InputError: the target is a device or the like, which a rename would destroy.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: not a regular file", hint="name a file in a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)  # mkstemp makes 0600; a bundle or record is read by others
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside the target, flush to the disk, then rename over it (survives `kill -9` and power loss)."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: object) -> None:
    """Indented JSON, atomically."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths of one file system change places in one step; False where this system cannot.

    renameat2 with RENAME_EXCHANGE, Linux 3.15. Two renames would leave a moment in which neither is in its place.
    """
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):  # no such function, or, on Windows, no such library
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(done == 0)


def put_in_place(finished: Path, out: Path) -> None:
    """Rename a finished folder to its name; an older one makes way and is removed only afterwards. Raises OSError."""
    if not out.exists():
        finished.rename(out)
    elif not any(out.iterdir()):
        out.rmdir()
        finished.rename(out)
    elif exchange(finished, out):
        shutil.rmtree(finished, ignore_errors=True)
    else:
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent)) / out.name
        out.rename(old)
        try:
            finished.rename(out)
        except OSError:
            old.rename(out)
            raise
        finally:
            shutil.rmtree(old.parent, ignore_errors=True)
    sync_folder(out.parent)
