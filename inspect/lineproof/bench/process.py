"""The parent's end of a contender's process: ask, wait no longer than allowed, and always clean up."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from lineproof.bench.messages import Job, Ready, Turn

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ChildFailed(Exception):
    """The process crashed, hung or talked nonsense; the message is its last word."""


class Child:
    """One contender's process; use as a context, which ends it whatever happened."""

    def __init__(self, command: Sequence[str], job: Job) -> None:
        """Start it and hand it the job; it gets ready while others do."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        self._process = subprocess.Popen(  # noqa: S603 (our own module, our own Python)
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=_environment(job),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="bench answers", daemon=True)
        self._reader.start()
        with suppress(OSError):  # dead already: the wait for its answer says so
            self._say(job.to_json())

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill it if it still runs: nothing of it is worth waiting for."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            with suppress(OSError):  # what it never read cannot be flushed any more
                stream.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ready(self, timeout_s: float) -> Ready:
        """Wait until it stands; raises ChildFailed."""
        line = self._answer(timeout_s)
        try:
            return Ready.from_json(line)
        except (ValueError, TypeError):
            raise ChildFailed(f"unexpected answer: {line[:200].strip()}") from None

    def turn(self, calls: int, timeout_s: float) -> Turn:
        """Have it make `calls` timed calls; raises ChildFailed."""
        with suppress(OSError):
            self._say(str(calls))
        line = self._answer(timeout_s)
        try:
            return Turn.from_json(line)
        except (ValueError, TypeError):
            raise ChildFailed(f"unexpected answer: {line[:200].strip()}") from None

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self, timeout_s: float) -> str:
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise ChildFailed(f"no answer within {timeout_s:g} s") from None
        if not line:
            raise ChildFailed(self._last_words())
        return line

    def _last_words(self) -> str:
        """The last line on its stderr, or how it ended."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return said[-1][:300] if said and code > 0 else how


def module_command(module: str) -> tuple[str, ...]:
    """The same Python running a module, with nothing of the working directory on its path."""
    return sys.executable, "-P", "-m", module


def _environment(job: Job) -> dict[str, str]:
    """Ours, plus: where cores are left out, pools besides the runtime's own get no more threads either."""
    return os.environ | ({} if job.all_cores else dict.fromkeys(_POOLS, str(job.threads)))
