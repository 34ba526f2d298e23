"""One trial: train, measure, write it down, and seal it in the last round; goes on where it was interrupted."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any, cast, get_args

from lineproof import __version__
from lineproof.adapt import pipeline
from lineproof.adapt.begin import Wish
from lineproof.adapt.finetune import read_metrics
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.figures import SplitFigures, TrialResult, write_result
from lineproof.adapt.ladder.first_rung import fit
from lineproof.adapt.ladder.measure import measure
from lineproof.adapt.ladder.order import measure_order
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder, RunRecord, split_hash
from lineproof.bundle.manifest import Task
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.data.subset import samples_of
from lineproof.errors import GateError, InputError, LineproofError
from lineproof.proof.evaluate import align_classes


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
    before = _seconds(run)
    learn = _fitted if spec.candidate.task == "classify" else _sealed if spec.last else _in_order
    found = learn(spec, dataset, run, progress)
    return TrialResult(
        key=Path(spec.folder).name,
        status="done",
        total_s=round(before + time.monotonic() - started, 1),
        run=str(run),
        **found,
    )


def _in_order(spec: TrialSpec, dataset: Dataset, run: Path, progress: TrainProgress) -> dict[str, Any]:
    """A trial that only has to be put in order: its network is measured as it is, on the validation images alone."""
    if (run / "run.json").is_file():
        learnt = pipeline.learn_on(dataset, run, spec.device, progress)
    else:
        learnt = pipeline.learn(dataset, run, _wish(spec), progress)
    progress.say("measuring the trained network")
    record = learnt.folder.read()
    val, thresholds = measure_order(learnt.network, dataset, record.recipe)
    scores = {name: threshold.score for name, threshold in thresholds.items()}
    return {**_noted(learnt.folder, record), "thresholds": scores, "val": val}


def _sealed(spec: TrialSpec, dataset: Dataset, run: Path, progress: TrainProgress) -> dict[str, Any]:
    """A trial of the last round: proven and sealed, and what was sealed is measured."""
    if (run / "run.json").is_file():
        done = pipeline.resume(dataset, run, spec.device, progress)
    else:
        done = pipeline.train(dataset, run, _wish(spec), progress)
    return {**_noted(done.folder, done.record), **_bundle(spec, dataset, run, progress)}


def _fitted(spec: TrialSpec, dataset: Dataset, run: Path, progress: TrainProgress) -> dict[str, Any]:
    """Fit a classifier on frozen features: the same however long the schedule, and quick enough to begin anew."""
    shutil.rmtree(run, ignore_errors=True)
    fit(Path(spec.data), run, spec.candidate.base, spec.candidate.imgsz, progress)
    return {"device": "cpu", **_bundle(spec, dataset, run, progress)}


def _noted(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    """How the training went."""
    return {
        "epochs_run": len(read_metrics(folder.metrics)),
        "best_epoch": record.best_epoch,
        "train_s": record.seconds,
        "device": record.device,
        "precision": record.precision,
    }


def _bundle(spec: TrialSpec, dataset: Dataset, run: Path, progress: TrainProgress) -> dict[str, Any]:
    """What was sealed, and its figures."""
    bundle = open_bundle(run / "bundle")
    progress.say("measuring the sealed bundle")
    has_test = any(sample.split == "test" for sample in dataset.samples)
    return {
        "bundle": str(bundle.path),
        "digest": bundle.digest,
        "thresholds": {name: point.score for name, point in bundle.manifest.operating_point.items()},
        "val": _measured(bundle, dataset, spec, "val"),
        "test": _measured(bundle, dataset, spec, "test") if spec.last and has_test else None,
    }


def _measured(bundle: Bundle, dataset: Dataset, spec: TrialSpec, split: str) -> SplitFigures:
    samples = align_classes(samples_of(dataset, split), dataset.classes, bundle.manifest.classes)
    return measure(bundle, samples, spec.split_hash + split, threads=cpu_threads())


def _wish(spec: TrialSpec) -> Wish:
    task = spec.candidate.task
    if task is not None and task not in get_args(Task):
        raise InputError(f"this version of lineproof does not train --task {task}")
    return Wish(spec.recipe, spec.candidate.base, cast("Task | None", task), spec.device)


def _seconds(run: Path) -> float:
    """Spent in epochs before an interruption."""
    try:
        return float(json.loads((run / "run.json").read_bytes()).get("seconds", 0.0))
    except (OSError, ValueError, AttributeError):
        return 0.0
