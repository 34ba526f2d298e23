"""The line as a process of its own, and what can be done to it: stopped, gone on, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lineproof.errors import SettingsError

STOP_S = 40.0  # the records may take 30 s to write what is pending (records.journal)
_PROC = Path("/proc")
_ENGINE = b"spawn_main"  # a child of multiprocessing; its tracker of resources is the only other one


class LineProcess:
    """`lineproof run` of a line file; must be closed."""

    def __init__(self, command: Sequence[str]) -> None:
        """Nothing is started yet.

        Raises:
            SettingsError: not Linux: the engine's process is found in /proc.
        """
        if sys.platform != "linux":
            raise SettingsError("playing against a real line needs Linux: its processes are found in /proc")
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 – closed in `close`, together with the process
        self.killed_ns: list[int] = []  # monotonic

    def start(self) -> None:
        """Begin; returns at once."""
        self._process = subprocess.Popen(  # noqa: S603 – our own verb
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors
        )

    @property
    def ended(self) -> bool:
        """It was started and is gone, and nobody here killed it."""
        return self._process is not None and self._process.poll() is not None

    @property
    def last_words(self) -> str:
        """The last line that it complained with."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("lineproof: ") if lines else ""

    @property
    def engine_pid(self) -> int | None:
        """The process in which inference runs; None while there is none."""
        if self._process is None:
            return None
        return next((pid for pid in _children(self._process.pid) if _ENGINE in _command_of(pid)), None)

    def freeze(self) -> None:
        """SIGSTOP: nothing turns, nothing beats, and the kernel still takes what is sent to it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; waits until the system has taken everything back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.killed_ns.append(time.monotonic_ns())

    def stop(self) -> bool:
        """SIGTERM, and wait until everything is recorded; False when it had to be killed."""
        if self._process is None:
            return True
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._process = None
        return True

    def close(self) -> None:
        """Kill what is left of it; may be called twice."""
        self.kill()
        self._errors.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def signal_engine(pid: int, number: signal.Signals) -> None:
    """A signal to the engine's process; one that is gone already needs none."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _children(parent: int) -> list[int]:
    """proc(5): the parent's id is the second field behind the name, which is in brackets and may hold anything."""
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):  # it ended meanwhile
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(folder.name))
    return sorted(found)


def _command_of(pid: int) -> bytes:
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes()
    return b""
