"""One trial: train, seal, measure what was sealed, write it down; goes on where it was interrupted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast, get_args

from lineproof import __version__
from lineproof.adapt import pipeline
from lineproof.adapt.begin import Wish
from lineproof.adapt.finetune import read_metrics
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.figures import TrialResult, write_result
from lineproof.adapt.ladder.measure import measure
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder, split_hash
from lineproof.bundle.manifest import Task
from lineproof.bundle.open import open_bundle
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.data.subset import samples_of
from lineproof.errors import GateError, InputError, LineproofError


def run_trial(spec: TrialSpec, progress: TrainProgress) -> TrialResult:
    """Train and measure; a failure is a result with its reason. Writes trial.json; Ctrl-C leaves what goes on later."""
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        dataset = _same_data(spec)
        result = _trained(spec, dataset, folder / "run", progress, started)
    except LineproofError as error:
        result = failed(folder.name, error.message, again=not isinstance(error, GateError))
    except MemoryError:
        result = failed(folder.name, "out of memory", again=True)
    except RuntimeError as error:  # of torch or onnxruntime: names a tensor, or a driver
        lines = str(error).strip().splitlines() or [type(error).__name__]
        result = failed(folder.name, lines[0][:200], again=True)
    write_result(folder, result)
    return result


def failed(key: str, reason: str, *, again: bool) -> TrialResult:
    """A row with its reason."""
    return TrialResult(key=key, status="failed", reason=reason, again=again)


def _same_data(spec: TrialSpec) -> Dataset:
    """The dataset, proven to be the one the comparison began with: on another machine it may lie under the same path."""
    if spec.lineproof != __version__:
        raise InputError(f"lineproof is {__version__} here, {spec.lineproof} where the comparison was started")
    dataset = open_dataset(Path(spec.data))
    if dataset.content_hash != spec.dataset_hash or split_hash(dataset) != spec.split_hash:
        raise InputError(f"{spec.data}: not the data or the split that the comparison began with")
    return dataset


def _trained(spec: TrialSpec, dataset: Dataset, run: Path, progress: TrainProgress, started: float) -> TrialResult:
    before = _seconds(Path(spec.folder))
    if (run / "run.json").is_file():
        done = pipeline.resume(dataset.root, run, spec.device, progress)
    else:
        done = pipeline.train(dataset.root, run, _wish(spec), progress)
    bundle = open_bundle(run / "bundle")
    threads = cpu_threads()
    progress.say("measuring the sealed bundle")
    val = measure(bundle, samples_of(dataset, "val"), spec.split_hash + "val", threads=threads)
    has_test = any(sample.split == "test" for sample in dataset.samples)
    test = None
    if spec.last and has_test:
        test = measure(bundle, samples_of(dataset, "test"), spec.split_hash + "test", threads=threads)
    record = done.record
    return TrialResult(
        key=Path(spec.folder).name,
        status="done",
        epochs_run=len(read_metrics(done.folder.metrics)),
        best_epoch=record.best_epoch,
        train_s=record.seconds,
        total_s=round(before + time.monotonic() - started, 1),
        bundle=str(bundle.path),
        digest=bundle.digest,
        thresholds={name: point.score for name, point in bundle.manifest.operating_point.items()},
        device=record.device,
        precision=record.precision,
        val=val,
        test=test,
    )


def _wish(spec: TrialSpec) -> Wish:
    task = spec.candidate.task
    if task is not None and task not in get_args(Task):
        raise InputError(f"this version of lineproof does not train --task {task}")
    return Wish(spec.recipe, spec.candidate.base, cast("Task | None", task), spec.device)


def _seconds(folder: Path) -> float:
    """Spent in epochs before an interruption."""
    run = RunFolder(folder / "run")
    return run.read().seconds if run.record_file.is_file() else 0.0
