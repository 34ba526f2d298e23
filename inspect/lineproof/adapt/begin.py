"""A run begins, or goes on: everything it will need is found and checked before the first epoch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.bases import Start, start_from
from lineproof.adapt.network import Architecture, build_network, class_width
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.run_folder import RunFolder, RunRecord, check_same_data, split_hash
from lineproof.adapt.visibility_check import check_visible
from lineproof.adapt.workspace import choose_task
from lineproof.bundle.manifest import Task
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.errors import InputError, LineproofError


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    recipe: Recipe
    base: str = "auto"
    task: Task | None = None  # None: masks where the dataset has them
    device: str = "auto"


def begin_run(dataset: Dataset, out: Path, wish: Wish, progress: TrainProgress) -> tuple[RunFolder, Start]:
    """A new run folder with its record, and the network to start from.

    Raises:
        InputError: the folder is taken, or dataset, recipe or base cannot be used.
        GateError: the augmentation would erase defects.
    """
    task = choose_task(dataset, wish.task)
    _warn_of_rare_classes(dataset, progress)
    augmentation = load_augmentation(wish.recipe.augment)
    seen = check_visible(dataset, augmentation, wish.recipe.imgsz, seed=wish.recipe.seed)
    if seen.figures:
        progress.say(f"augmentation {wish.recipe.augment}: {seen.as_line()}")
    start = start_from(wish.base, task, dataset.classes, seed=wish.recipe.seed, say=progress.say)
    folder = RunFolder.fresh(out)
    folder.write(
        RunRecord(
            dataset=str(dataset.root),
            dataset_hash=dataset.content_hash,
            split_hash=split_hash(dataset),
            task=task,
            classes=dataset.classes,
            architecture=start.architecture.name,
            class_width=class_width(start.network.state_dict()) or 0,
            base_asked=wish.base,
            base=start.base,
            augmentation=augmentation,
            recipe=wish.recipe,
        )
    )
    return folder, start


def resume_run(dataset: Dataset, out: Path, progress: TrainProgress) -> tuple[RunFolder, Start]:
    """The folder and network of an interrupted run.

    Raises:
        InputError: there is no run, or its images, annotations or splits changed since.
    """
    folder = RunFolder.existing(out)
    record = folder.read()
    check_same_data(record, dataset)
    if not folder.state.is_file():  # interrupted in its first epoch
        return folder, start_from(record.base_asked, record.task, record.classes, seed=record.recipe.seed)
    architecture = Architecture.parse(record.architecture)
    if architecture is None:
        raise InputError(f"{folder.record_file}: unknown architecture {record.architecture!r}", hint="train again")
    network = build_network(architecture, record.classes, class_width=record.class_width)
    progress.say(f"resuming {out}")
    return folder, Start(network, architecture, record.base)


@contextmanager
def gone_unless_begun(folder: RunFolder) -> Iterator[None]:
    """Remove a run folder again when training failed before its first epoch was kept; Ctrl-C keeps it."""
    try:
        yield
    except LineproofError:
        if not folder.state.is_file():
            shutil.rmtree(folder.root, ignore_errors=True)
        raise


def _warn_of_rare_classes(dataset: Dataset, progress: TrainProgress) -> None:
    """A class without training images can never be found; one without validation images gets default thresholds."""
    for split, consequence in (("train", "it cannot be learnt"), ("val", "its thresholds are the defaults")):
        seen = {int(c) for sample in samples_of(dataset, split) for c in sample.truth.class_id}
        for class_id, name in enumerate(dataset.classes):
            if class_id not in seen:
                progress.say(f"warning: no {split} image shows {name!r}: {consequence}")
