"""Trials side by side on this machine, each in a process of its own."""

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

import lineproof
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.figures import TrialResult, read_result, write_result
from lineproof.adapt.ladder.runner import Show
from lineproof.adapt.ladder.trial import failed

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_GRACE_S = 3.0
LOG = "trial.log"

Tell = Callable[[dict[str, object]], None]


class TrialProcess:
    """One trial; `run` waits for it, `end` may be called from another thread at any time."""

    def __init__(self, spec: TrialSpec, threads: int) -> None:
        self._spec = spec
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self, tell: Tell) -> TrialResult:
        """Start, listen, and read what it left; a process that dies is a result with its reason."""
        folder = Path(self._spec.folder)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("ab") as log:
            with self._lock:
                if self._over.is_set():
                    return stopped(folder.name)
                process = self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "lineproof.adapt.ladder.child"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    env=_environment(self._threads),
                    start_new_session=True,  # Ctrl-C comes to us alone, and we end them
                )
            code = _listen(process, self._spec, tell)
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


class ProcessRunner:
    """`workers` trials at once; every one gets an equal share of the processor cores."""

    def __init__(self, workers: int, cores: int) -> None:
        self.workers = workers
        self._threads = max(1, cores // workers)

    def run(self, specs: Sequence[TrialSpec], show: Show, until_s: float | None = None) -> list[TrialResult]:
        """Results in the order of the specs; none starts past `until_s` (monotonic clock)."""
        trials = [TrialProcess(spec, self._threads) for spec in specs]
        pool = ThreadPoolExecutor(self.workers, "ladder")
        try:
            futures = [pool.submit(_one, *pair, show, until_s) for pair in zip(trials, specs, strict=True)]
            wait(futures, return_when=FIRST_EXCEPTION)
            return [future.result() for future in futures]
        finally:
            for trial in trials:
                trial.end()
            pool.shutdown(wait=True, cancel_futures=True)


def _one(trial: TrialProcess, spec: TrialSpec, show: Show, until_s: float | None) -> TrialResult:
    key = Path(spec.folder).name
    if until_s is not None and time.monotonic() > until_s:
        return stopped(key)
    show.started(key, spec.label)
    result = trial.run(lambda event: show.moved(key, event))
    show.ended(key, result)
    return result


def _listen(process: subprocess.Popen[str], spec: TrialSpec, tell: Tell) -> int:
    """Pass events on until it ends; returns its exit code."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(OSError):  # dead already: its exit code says so
            process.stdin.write(spec.model_dump_json() + "\n")
            process.stdin.flush()
        for line in process.stdout:
            with suppress(ValueError):
                tell(json.loads(line))
        return process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(_GRACE_S)
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()


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
