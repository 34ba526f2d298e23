"""Train every run of a study, or go on where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from lineproof.adapt import pipeline
from lineproof.adapt.begin import Wish
from lineproof.adapt.curve.outcome import RunOutcome, figures_of, read_outcome, write_outcome
from lineproof.adapt.curve.plan import Cell, each_unfinished
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.recipe import Recipe, with_changes
from lineproof.adapt.run_folder import RunFolder
from lineproof.bundle.open import open_bundle
from lineproof.data.subset import samples_of
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import InputError
from lineproof.proof.evaluate import Evaluation, detect_all, evaluate
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

Watched = Callable[[], AbstractContextManager[TrainProgress]]


@dataclass(frozen=True, slots=True)
class Study:
    """How every run is trained and measured; only its images and its seed differ."""

    wish: Wish
    held_out: str = "val"


def run_study(cells: Sequence[Cell], out: Path, study: Study, watched: Watched) -> list[RunOutcome]:
    """Outcomes in the order of the cells; finished runs are not trained again, an interrupted one goes on.

    Raises:
        InputError: `out` holds runs of other data, another base or another recipe, or the training cannot be begun.
        GateError: a training diverged, or its export decides otherwise.
    """
    runs = out / "runs"
    done = {cell.name: _finished(runs, cell, study) for cell in cells if _file(runs, cell).is_file()}
    for number, cell in each_unfinished(cells, set(done)):
        with watched() as progress:
            good = sum(sample.ok for sample in cell.train)
            parts = f"{len(cell.train)} images, {good} of them good parts"
            progress.say(f"run {number} of {len(cells)}: {parts}, seed {cell.seed}")
            done[cell.name] = _run(cell, runs, study, progress)
    return [done[cell.name] for cell in cells]


def _file(runs: Path, cell: Cell) -> Path:
    return runs / f"{cell.name}.json"


def _finished(runs: Path, cell: Cell, study: Study) -> RunOutcome:
    """A run of an earlier sitting; raises InputError when it answers another question."""
    path = _file(runs, cell)
    outcome = read_outcome(path)
    asked = {
        "images": (outcome.data_hash, cell.view.content_hash),
        "base": (outcome.base, study.wish.base),
        "recipe": (outcome.recipe, _recipe_text(study.wish.recipe)),
        "held-out split": (outcome.held_out, study.held_out),
    }
    for what, (was, now) in asked.items():
        if was != now:
            raise InputError(
                f"{path}: was trained with another {what}" if what != "images" else f"{path}: of other images",
                hint="choose another --out, or ask for the same as before",
            )
    return outcome


def _run(cell: Cell, runs: Path, study: Study, progress: TrainProgress) -> RunOutcome:
    folder = RunFolder(runs / cell.name)
    if folder.record_file.is_file() and folder.read().status == "sealed":  # interrupted while it was measured
        evaluation = _measured(folder, cell, study.held_out)
    else:
        evaluation = _trained(cell, folder, study, progress)
    record = folder.read()
    outcome = RunOutcome.model_validate(
        {
            "images": cell.images,
            "trained_images": len(cell.train),
            "ok_images": sum(sample.ok for sample in cell.train),
            "seed": cell.seed,
            "arm": cell.arm,
            "data_hash": cell.view.content_hash,
            "base": study.wish.base,
            "recipe": _recipe_text(study.wish.recipe),
            "held_out": study.held_out,
            "seconds": record.seconds,
            **figures_of(evaluation),
        }
    )
    write_outcome(_file(runs, cell), outcome)
    # What only a resumed training needs: 30 MB for each of a dozen runs.
    shutil.rmtree(folder.state.parent, ignore_errors=True)
    shutil.rmtree(folder.workspace, ignore_errors=True)
    return outcome


def _trained(cell: Cell, folder: RunFolder, study: Study, progress: TrainProgress) -> Evaluation:
    if folder.record_file.is_file():
        done = pipeline.resume(cell.view, folder.root, study.wish.device, progress)
    else:
        recipe = with_changes(study.wish.recipe, seed=cell.seed)
        done = pipeline.train(cell.view, folder.root, replace(study.wish, recipe=recipe), progress)
    return done.sealed.evaluation if study.held_out == "val" else _measured(folder, cell, study.held_out)


def _measured(folder: RunFolder, cell: Cell, split: str) -> Evaluation:
    """The sealed bundle on the held-out images, through the runtime engine."""
    bundle = open_bundle(folder.bundle)
    manifest = bundle.manifest
    limits = compile_limits(Rules(), manifest.classes, manifest.operating_point, manifest.score_floor)
    samples = samples_of(cell.view, split)
    return evaluate(samples, detect_all(OnnxEngine.open(bundle, "cpu"), samples), manifest.classes, limits)


def _recipe_text(recipe: Recipe) -> str:
    """What must be the same in every run, as it was asked for."""
    return json.dumps(recipe.model_dump(mode="json", exclude={"seed"}), sort_keys=True)
