"""Results that wait, on the disk: appended with length and CRC, replaced as a whole, read up to the first torn record.

A record is `>II` length and CRC-32 of its body; the body is `>BII` kind, session and seq, then the message. The second
kind says that a result need not be sent any more. Each append is followed by one fsync. After a failed write or fsync
the file is never appended to again (its tail, and what the kernel kept of it, are unknown): a fresh one replaces it.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

from lineproof import atomic
from lineproof.errors import SignalError

MAGIC = b"lpstore1"
MAX_MESSAGE_BYTES = 1 << 20  # results are below 64 kB but for a monstrous part id
WAITING, DONE = 1, 2
Key = tuple[int, int]  # session, seq
_HEAD = struct.Struct(">II")
_BODY = struct.Struct(">BII")
_MAX_BODY_BYTES = _BODY.size + MAX_MESSAGE_BYTES  # more is damage


def record(kind: int, key: Key, payload: bytes = b"") -> bytes:
    """One record as it lies in the file."""
    body = _BODY.pack(kind, *key) + payload
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


class StoreLog:
    """The file of one wire, held by one process; methods but `close` raise OSError, and may then be tried again."""

    def __init__(self, folder: Path) -> None:
        """Take the folder and read what waits in it.

        Raises:
            SignalError: the folder cannot be used, another process uses it, or its file is not ours.
        """
        self._path = folder / "waiting.log"
        self._appending = -1  # descriptor; -1: the next records replace the file
        self.size_bytes = 0
        self.unread_bytes = 0  # after the first torn or damaged record; a killed writer leaves at most one
        self._waiting: dict[Key, bytes] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder / "waiting.lock")
        except OSError as error:
            raise _unusable(folder, error) from None
        try:
            for part in folder.glob(".waiting.log.*.part"):  # of a process that was killed while it replaced the file
                part.unlink()
            self._read()
        except OSError as error:
            os.close(self._lock)
            raise _unusable(folder, error) from None
        except SignalError:
            os.close(self._lock)
            raise

    def take_waiting(self) -> list[tuple[Key, bytes]]:
        """What waited in the file when it was opened, oldest first; once."""
        found = list(self._waiting.items())
        self._waiting.clear()
        return found

    @property
    def sound(self) -> bool:
        """Whether records may be appended."""
        return self._appending >= 0

    def append(self, records: Iterable[bytes]) -> None:
        """Add to a sound file and wait until the disk has it."""
        data = b"".join(records)
        try:
            _write(self._appending, data)
            os.fsync(self._appending)
        except OSError:
            self._give_up()
            raise
        self.size_bytes += len(data)

    def replace(self, records: Iterable[bytes]) -> None:
        """A fresh file of these records alone takes the place of the old one, which stays if that fails."""
        self._give_up()
        data = MAGIC + b"".join(records)
        atomic.write_bytes(self._path, data)
        self._appending = os.open(self._path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self.size_bytes = len(data)

    def close(self) -> None:
        """Let the next one in; may be called twice."""
        self._give_up()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _read(self) -> None:
        data = self._path.read_bytes() if self._path.exists() else MAGIC
        if not data.startswith(MAGIC):
            raise SignalError(f"{self._path}: not a store of results", hint="move it away, or set another store.folder")
        place = len(MAGIC)
        while body := _body_at(data, place):
            kind, *key = _BODY.unpack_from(body)
            if kind == WAITING:
                self._waiting[key[0], key[1]] = body[_BODY.size :]
            else:
                self._waiting.pop((key[0], key[1]), None)
            place += _HEAD.size + len(body)
        self.unread_bytes = len(data) - place

    def _give_up(self) -> None:
        if self._appending >= 0:
            os.close(self._appending)
            self._appending = -1


def _body_at(data: bytes, place: int) -> bytes:
    """The body of the record there, or b"" when it is torn, damaged, or the end."""
    if place + _HEAD.size > len(data):
        return b""
    length, crc = _HEAD.unpack_from(data, place)
    if not _BODY.size <= length <= _MAX_BODY_BYTES:  # zeros too: the tail that a power loss may leave
        return b""
    body = data[place + _HEAD.size : place + _HEAD.size + length]
    return body if len(body) == length and zlib.crc32(body) == crc and body[0] in (WAITING, DONE) else b""


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _unusable(folder: Path, error: OSError) -> SignalError:
    if isinstance(error, BlockingIOError):
        return SignalError(f"{folder}: another process or wire keeps its results here", hint="one store.folder each")
    return SignalError(
        f"{folder}: cannot be used ({error.strerror})", hint="check store.folder, its owner and the disk"
    )


def _locked(path: Path) -> int:
    """A descriptor with the operating system's lock on it, gone with the process; raises BlockingIOError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                raise BlockingIOError from None
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
