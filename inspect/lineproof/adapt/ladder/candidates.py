"""Rungs × bases × image sizes to candidates; everything that will be needed is found before anything trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.bases import AUTO, SCRATCH, find_base
from lineproof.adapt.features import best_imgsz
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.ladder.first_rung import FEATURES, check_backbone
from lineproof.adapt.recipe import Recipe, load_recipe, with_changes
from lineproof.adapt.workspace import choose_task
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError, WeightsError

RUNGS = (FEATURES, "heads", "staged", "full")


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

    A base that is a backbone only (resnet50, dinov2_small, …) goes with frozen features alone, and `scratch` with every
    other rung.

    Raises:
        InputError: an unknown rung, base or size, a task the dataset cannot be trained for, or one name twice.
    """
    choose_task(dataset, "segment" if task == "segment" else None)
    found = []
    for rung in rungs:
        recipe = Recipe() if rung == FEATURES else load_recipe(rung)
        load_augmentation(recipe.augment)
        for size in sizes or (None,):
            found += [
                _candidate(rung, base, recipe, size, task, lengths, batch)
                for base in bases
                if _fits(base, rung, rungs, dataset, size)
            ]
    keys = [candidate.key for candidate in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: asked for twice", hint="every rung, base and size once")
    return tuple(found)


def _candidate(
    rung: str,
    base: str,
    recipe: Recipe,
    size: int | None,
    task: str | None,
    lengths: Mapping[str, float | None],
    batch: int | None,
) -> Candidate:
    if rung == FEATURES:
        recipe = with_changes(recipe, imgsz=size or best_imgsz(base))
        return Candidate(rung=rung, base=base, imgsz=recipe.imgsz, task="classify", recipe=recipe)
    recipe = with_changes(recipe, imgsz=size, batch=batch, **lengths)
    name = Path(rung).stem if rung.endswith((".yaml", ".yml")) else rung
    return Candidate(rung=name, base=base, imgsz=recipe.imgsz, task=task, recipe=recipe)


def _fits(base: str, rung: str, rungs: Sequence[str], dataset: Dataset, size: int | None) -> bool:
    """Whether base and rung go together; raises WeightsError when the base goes with none of the rungs."""
    others = [other for other in rungs if (other == FEATURES) != (rung == FEATURES)]
    try:
        if rung == FEATURES:
            check_backbone(base, size or best_imgsz(base))
        elif base not in (AUTO, SCRATCH):
            find_base(base, choose_task(dataset, None))
    except WeightsError as error:
        if not others or not error.message.startswith("no base "):
            raise
        if rung != FEATURES:
            check_backbone(base, size or best_imgsz(base))
        elif base != SCRATCH:
            raise
        return False
    return True
