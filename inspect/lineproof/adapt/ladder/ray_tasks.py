"""Trials as tasks on a Ray that is up: on this machine, or on a cluster that sees the same folders.

A task starts the same process as without Ray and waits for it: a training that runs out of memory or hangs in a driver
takes no worker of Ray with it, and both ways give the same figures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.figures import TrialResult
from lineproof.adapt.ladder.processes import TrialProcess, stopped
from lineproof.adapt.ladder.runner import Show
from lineproof.adapt.ladder.trial import failed
from lineproof.adapt.progress import EpochRow
from lineproof.errors import EngineError

_LOOK_S = 0.5


class RayRunner:
    """As many trials at once as Ray has room for; each reserves `cpus` cores, and a GPU if it trains on one."""

    def __init__(self, *, cpus: int, on_gpu: bool) -> None:
        """Take a Ray that is initialised; raises EngineError when it has no room for a single trial."""
        import ray

        have: dict[str, float] = ray.cluster_resources()
        room = int(have.get("CPU", 0) // cpus)
        if on_gpu:
            room = min(room, int(have.get("GPU", 0)))
        if room < 1:
            need = f"{cpus} core{'s' * (cpus > 1)}" + (" and a GPU" if on_gpu else "")
            raise EngineError(
                f"Ray has no room for a trial, which takes {need}", hint="more --workers: each takes fewer cores"
            )
        self.workers = room
        self._cpus = cpus
        self._task = ray.remote(
            num_cpus=cpus, num_gpus=1 if on_gpu else 0, max_retries=0, max_calls=1, name="lineproof trial"
        )(_run)

    def run(self, specs: Sequence[TrialSpec], show: Show, until_s: float | None = None) -> list[TrialResult]:
        """Results in the order of the specs; a task that is lost with its machine is a failure worth another try."""
        import ray

        left = list(specs)
        running: dict[Any, _Watched] = {}
        results: dict[str, TrialResult] = {}
        try:
            while left or running:
                if until_s is not None and time.monotonic() > until_s:
                    results |= {spec.folder: stopped(Path(spec.folder).name) for spec in left}
                    left = []
                while left and len(running) < self.workers:
                    spec = left.pop(0)
                    running[self._task.remote(spec.model_dump_json(), self._cpus)] = _Watched(spec, show)
                done, _ = ray.wait(list(running), timeout=_LOOK_S) if running else ([], [])
                for task in done:
                    watched = running.pop(task)
                    results[watched.spec.folder] = watched.end(_result(task, watched.spec))
                for watched in running.values():
                    watched.look()
        finally:
            for task in running:
                with suppress(Exception):  # whatever a Ray that is going down raises must not hide why
                    ray.cancel(task, force=True)
        return [results[spec.folder] for spec in specs]


def _run(spec: str, threads: int) -> str:
    """In a process of Ray: start the trial's own process and wait for it."""
    with TrialProcess(threads) as process:
        return process.run(TrialSpec.model_validate_json(spec), lambda _: None).model_dump_json()


def _result(task: Any, spec: TrialSpec) -> TrialResult:  # noqa: ANN401 (Ray's own type)
    import ray
    from ray.exceptions import RayError

    try:
        return TrialResult.model_validate_json(ray.get(task))
    except RayError as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return failed(Path(spec.folder).name, f"lost: {line[:200]}", again=True)


class _Watched:
    """Tells of a trial from what it writes into the shared folder."""

    def __init__(self, spec: TrialSpec, show: Show) -> None:
        self.spec = spec
        self._show = show
        self._key = Path(spec.folder).name
        self._metrics = Path(spec.folder) / "run" / "metrics.jsonl"
        self._told = 0
        show.started(self._key, spec.label)

    def look(self) -> None:
        """Tell of the last epoch written, if it is a new one."""
        lines = self._metrics.read_text("utf-8").splitlines() if self._metrics.is_file() else []
        if len(lines) > self._told:
            self._told = len(lines)
            row = EpochRow(**json.loads(lines[-1]))
            self._show.moved(self._key, {"done": row.epoch, "epochs": row.epochs, "text": row.text()})

    def end(self, result: TrialResult) -> TrialResult:
        """Tell how it came out."""
        self._show.ended(self._key, result)
        return result
