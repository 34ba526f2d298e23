"""Trials side by side on this machine, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import lineproof
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.child import LOG
from lineproof.adapt.ladder.figures import TrialResult, read_result, write_result
from lineproof.adapt.ladder.runner import Show
from lineproof.adapt.ladder.trial import failed

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_GRACE_S = 3.0

Tell = Callable[[dict[str, object]], None]


class TrialProcess:
    """A process that runs one trial after another; it starts with the first, and anew after a death.

    `run` waits for its trial, `end` may be called from another thread at any time, `close` when no trial runs any more.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, spec: TrialSpec, tell: Tell) -> TrialResult:
        """Hand it over, listen, and read what it left; a process that dies is a result with its reason."""
        folder = Path(spec.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOG).touch()  # a process that served others may die before it opens its own
        process = self._started(folder)
        if process is None:
            return stopped(folder.name)
        code = _listen(process, spec, tell)
        if self._over.is_set():
            return stopped(folder.name)
        result = read_result(folder) if code == 0 else None
        if result is None:
            result = _written_failure(folder) if code == 0 else failed(folder.name, _how(code, folder), again=True)
            write_result(folder, result)
        return result

    def end(self) -> None:
        """Kill it, or never start it; the last finished epoch stays on the disk."""
        with self._lock:
            self._over.set()
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def close(self) -> None:
        """End it and let go of it."""
        self.end()
        if self._process is not None:
            _bury(self._process)

    def _started(self, folder: Path) -> subprocess.Popen[str] | None:
        """The one that waits for a trial, or a new one; None once it was ended."""
        with self._lock:
            if self._over.is_set():
                return None
            if self._process is None or self._process.poll() is not None:
                with (folder / LOG).open("ab") as log:
                    self._process = subprocess.Popen(
                        [sys.executable, "-P", "-m", "lineproof.adapt.ladder.child"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                        encoding="utf-8",
                        env=_environment(self._threads),
                        start_new_session=True,  # Ctrl-C comes to us alone, and we end them
                    )
            return self._process


class ProcessRunner:
    """`workers` trials at once; every one gets an equal share of the processor cores."""

    def __init__(self, workers: int, cores: int) -> None:
        self.workers = workers
        self._threads = max(1, cores // workers)

    def run(self, specs: Sequence[TrialSpec], show: Show, until_s: float | None = None) -> list[TrialResult]:
        """Results in the order of the specs; none starts past `until_s` (monotonic clock)."""
        processes = [TrialProcess(self._threads) for _ in range(self.workers)]
        idle: SimpleQueue[TrialProcess] = SimpleQueue()
        for process in processes:
            idle.put(process)
        pool = ThreadPoolExecutor(self.workers, "ladder")
        try:
            futures = [pool.submit(_one, idle, spec, show, until_s) for spec in specs]
            wait(futures, return_when=FIRST_EXCEPTION)
            return [future.result() for future in futures]
        finally:
            for process in processes:
                process.end()
            pool.shutdown(wait=True, cancel_futures=True)
            for process in processes:
                process.close()


def _one(idle: SimpleQueue[TrialProcess], spec: TrialSpec, show: Show, until_s: float | None) -> TrialResult:
    key = Path(spec.folder).name
    if until_s is not None and time.monotonic() > until_s:
        return stopped(key)
    process = idle.get()  # as many as there are threads: one is idle
    try:
        show.started(key, spec.label)
        result = process.run(spec, lambda event: show.moved(key, event))
        show.ended(key, result)
        return result
    finally:
        idle.put(process)


def _listen(process: subprocess.Popen[str], spec: TrialSpec, tell: Tell) -> int:
    """Pass events on until the trial is over (0, and the process waits for the next), or the process is: its code."""
    assert process.stdin is not None
    assert process.stdout is not None
    over = False
    try:
        with suppress(OSError):  # dead already: its exit code says so
            process.stdin.write(spec.model_dump_json() + "\n")
            process.stdin.flush()
        for line in process.stdout:
            with suppress(ValueError):
                event = json.loads(line)
                over = "over" in event
                if over:
                    return 0
                tell(event)
        return process.wait()
    finally:
        if not over:
            _bury(process)


def _bury(process: subprocess.Popen[str]) -> None:
    """Dead, waited for, and its pipes closed; may be called twice."""
    if process.poll() is None:
        process.kill()
        process.wait(_GRACE_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was never read is lost with it
                pipe.close()


def _environment(threads: int) -> dict[str, str]:
    """Ours, with the same lineproof found first, and its share of the cores."""
    home = str(Path(lineproof.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
    return os.environ | {"PYTHONPATH": path} | dict.fromkeys(_THREADS, str(threads))


def stopped(key: str) -> TrialResult:
    """Ended by us; goes on when it is called for again."""
    return TrialResult(key=key, status="stopped", reason="out of time")


def _written_failure(folder: Path) -> TrialResult:
    """What it said itself, though worth another try."""
    with suppress(OSError, ValueError):
        return TrialResult.model_validate_json((folder / "trial.json").read_bytes())
    return failed(folder.name, f"left no figures; see {folder / LOG}", again=True)


def _how(code: int, folder: Path) -> str:
    if code == -9:
        return (
            "killed by the system (signal 9), most often because memory ran out: fewer --workers, or a smaller --imgsz"
        )
    said = [line.strip() for line in (folder / LOG).read_text("utf-8", "replace").splitlines() if line.strip()]
    how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"{how}: {said[-1][:200]}" if said else how
