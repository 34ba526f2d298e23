"""Rungs × bases × image sizes to candidates; everything that will be needed is found before anything trains."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.bases import AUTO, SCRATCH, find_base
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.recipe import load_recipe, with_changes
from lineproof.adapt.workspace import choose_task
from lineproof.bundle.manifest import Task
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError, WeightsError

RUNGS = ("features", "heads", "staged", "full")
FEATURES = "features"  # frozen features and a linear classifier: another task than the rungs that move weights
_BACKBONES = "lineproof.adapt.features"


def default_rungs() -> tuple[str, ...]:
    """The whole ladder, as far as this version can train it."""
    return RUNGS if "classify" in get_args(Task) else RUNGS[1:]


def make_candidates(
    dataset: Dataset,
    *,
    rungs: Sequence[str],
    bases: Sequence[str],
    sizes: Sequence[int],
    task: str | None,
    lengths: Mapping[str, float | None],
    batch: int | None,
) -> tuple[Candidate, ...]:
    """Every combination that can be trained; without sizes each rung keeps its recipe's own.

    A base that is a backbone only (resnet50, dinov2_small, …) goes with frozen features alone.

    Raises:
        InputError: an unknown rung, base or size, a task the dataset cannot be trained for, or one name twice.
    """
    if task != "classify":
        choose_task(dataset, "segment" if task == "segment" else None)
    found = []
    for rung in rungs:
        recipe = load_recipe(rung)
        load_augmentation(recipe.augment)
        kind = "classify" if Path(rung).stem == FEATURES else task
        for base in bases:
            if not _fits(base, kind, dataset, rungs):
                continue
            for size in sizes or (None,):
                changed = with_changes(recipe, imgsz=size, batch=batch, **lengths)
                name = Path(rung).stem if rung.endswith((".yaml", ".yml")) else rung
                found.append(Candidate(rung=name, base=base, imgsz=changed.imgsz, task=kind, recipe=changed))
    keys = [candidate.key for candidate in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: asked for twice", hint="every rung, base and size once")
    return tuple(found)


def _fits(base: str, task: str | None, dataset: Dataset, rungs: Sequence[str]) -> bool:
    """Whether base and rung go together; raises WeightsError when it goes with none of the rungs."""
    if task == "classify":
        _check_backbone(base)
        return True
    try:
        check_detector(base, dataset)
    except WeightsError as error:
        others = [rung for rung in rungs if Path(rung).stem == FEATURES]
        if not others or not error.message.startswith("no base "):
            raise
        _check_backbone(base)
        return False
    return True


def check_detector(base: str, dataset: Dataset) -> None:
    """Find and read the weights of a base for a detector; raises WeightsError."""
    if base not in (AUTO, SCRATCH):
        find_base(base, choose_task(dataset, None))


def _check_backbone(name: str) -> None:
    """Raise WeightsError unless a backbone of that name can be opened here."""
    if importlib.util.find_spec(_BACKBONES) is None:
        raise WeightsError(f"no base {name!r} for a rung of this version", hint="drop it, or the rung `features`")
    importlib.import_module(_BACKBONES).open_backbone(name)
