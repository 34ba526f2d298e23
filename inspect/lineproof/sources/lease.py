"""One camera, one reader: a lock of the operating system, because drivers let a second reader in or steal the stream."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from pathlib import Path

from lineproof.errors import SourceLost
from lineproof.file_lock import lock_file

# Of the whole machine (Filesystem Hierarchy Standard 3.0, 5.9). $XDG_RUNTIME_DIR is one user's own: a service and a
# technician at the keyboard would not see each other's leases.
LOCKS = Path("/run/lock")
_LENGTH = 200  # always overwritten in place: a reader never finds half of it


class Lease:
    """The right to read one camera, from `claim` to `release`; the system takes it back when the process dies."""

    def __init__(self, station: str, folder: Path | None = None) -> None:
        """`station` is told to whoever comes second; `folder` holds the locks, default: the machine's own."""
        self._station = station
        self._folder = folder or lock_folder()
        self._taken = threading.Lock()
        self._camera = ""
        self._descriptor: int | None = None
        self._released = False

    def claim(self, camera: str) -> None:
        """Hold this camera and no other; held already, nothing changes.

        Raises:
            SourceLost: another process, or another source of this one, holds it; or the lock cannot be made.
        """
        with self._taken:
            if self._released:
                raise SourceLost(f"camera {camera}: the source was closed")
            if self._descriptor is not None and camera != self._camera:
                self._let_go()
            if self._descriptor is None:
                self._descriptor, self._camera = self._locked(camera), camera

    def release(self) -> None:
        """Let the next one in; may be called twice."""
        with self._taken:
            self._released = True
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            _write(self._descriptor, "")
            os.close(self._descriptor)
            self._descriptor = None

    def _locked(self, camera: str) -> int:
        path = self._folder / lock_name(camera)
        try:
            descriptor = _open(path)
        except OSError as error:
            raise SourceLost(
                f"camera {camera}: {path} cannot be opened ({error.strerror})", hint="run every line as the same user"
            ) from None
        try:
            lock_file(descriptor)
        except OSError:
            holder = os.read(descriptor, _LENGTH).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise SourceLost(
                f"camera {camera} is held by {f'process {holder}' if holder else 'another process'}",
                hint="stop the other one, or choose another camera",
            ) from None
        _write(descriptor, f"{os.getpid()} ({self._station})")
        return descriptor


def lock_folder() -> Path:
    """Where every process of this machine finds the same locks: `/run/lock`, or else the folder for temporary files."""
    return LOCKS if os.access(LOCKS, os.W_OK) else Path(tempfile.gettempdir())


def lock_name(camera: str) -> str:
    """A file name that tells the camera, and differs wherever its identity does."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "_", camera)[:60]
    return f"lineproof-camera-{words}-{hashlib.sha256(camera.encode()).hexdigest()[:8]}.lock"


def _open(path: Path) -> int:
    """Never deleted, so that all lock the same file; open to all, because lines may run as different users."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        # Existing files without O_CREAT: Linux refuses it for another user's file (sysctl fs.protected_regular).
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    path.chmod(0o666)  # whatever the umask was
    return descriptor


def _write(descriptor: int, words: str) -> None:
    line = words.encode()[: _LENGTH - 1].ljust(_LENGTH - 1) + b"\n"
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, line)
