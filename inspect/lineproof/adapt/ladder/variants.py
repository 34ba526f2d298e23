"""An ablation's variants: the recipe with one thing taken out at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from lineproof.adapt.augment import load_augmentation
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.stages import Stage
from lineproof.atomic import write_text
from lineproof.errors import InputError, SettingsError
from lineproof.settings import parse_settings

Part = Literal["augment", "geometry", "stages", "rates", "steps", "paste", "tiles"]
PARTS: tuple[Part, ...] = get_args(Part)
REFERENCE = "as it is"
_BESIDE = ("close_mosaic",)  # says when another item ends, and changes no image itself
_PASSES = 15
_FACTORS = ((0.3, "× 0.3"), (3.0, "× 3"))


def make_variants(candidate: Candidate, parts: tuple[Part, ...], out: Path) -> tuple[Candidate, ...]:
    """The recipe as it is, then with each item of the parts taken out; augmentation files are named below `out`.

    Raises:
        InputError: the recipe has nothing of what is to be taken out.
    """
    makers = {
        "augment": _augment,
        "geometry": _geometry,
        "stages": _stages,
        "rates": _rates,
        "steps": _steps,
        "paste": _paste,
        "tiles": _tiles,
    }
    changes: dict[str, dict[str, Any]] = {}
    for part in parts:
        found = dict(makers[part](candidate.recipe, out))
        if not found:
            raise InputError(
                f"--ablate {part}: the recipe {candidate.rung} has none", hint=f"one of {', '.join(PARTS)}"
            )
        changes |= found
    variants = [candidate.model_copy(update={"variant": REFERENCE})]
    for name, change in changes.items():
        try:
            recipe = parse_settings(candidate.recipe.model_dump() | change, Recipe, name)
        except SettingsError:  # a recipe that cannot be without it
            continue
        variants.append(candidate.model_copy(update={"variant": name, "recipe": recipe}))
    return tuple(variants)


def write_presets(recipe: Recipe, out: Path) -> None:
    """The augmentation files the variants name."""
    for name, content in _presets(recipe):
        write_text(_preset_file(out, name), yaml.safe_dump(content, sort_keys=False))


def _augment(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, _ in _presets(recipe):
        yield f"without {name}", {"augment": str(_preset_file(out, name))}
    yield from _geometry(recipe, out)
    yield from _zeroed(recipe, "colour")
    yield from _paste(recipe, out)
    nothing: dict[str, Any] = {"augment": "none", "paste": 0.0}
    for section in ("geometry", "colour"):
        nothing |= {section: _still(getattr(recipe, section).model_dump())}
    yield "no augmentation at all", nothing


def _still(values: dict[str, Any]) -> dict[str, Any]:
    return {name: type(value)(0) if isinstance(value, int | float) else value for name, value in values.items()}


def _geometry(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    del out
    yield from _zeroed(recipe, "geometry")


def _zeroed(recipe: Recipe, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number of a section that is at work, set to nothing."""
    values = getattr(recipe, section).model_dump()
    for name, value in values.items():
        if value and name not in _BESIDE and isinstance(value, int | float):
            yield f"without {name.replace('_', ' ')}", {section: values | {name: type(value)(0)}}


def _stages(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each stage left out, the others longer in its place; and all of the network from the first step."""
    del out
    stages = recipe.stages
    for index, left_out in enumerate(stages):
        if len(stages) == 1:
            break
        others = [stage for i, stage in enumerate(stages) if i != index]
        scale = sum(stage.share for stage in others)
        longer = [stage.model_dump() | {"share": stage.share / scale} for stage in others]
        yield f"without stage {left_out.name}", {"stages": longer}
    if stages != (Stage(),):
        yield "no stages", {"stages": [Stage().model_dump()]}


def _rates(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The groups' own rates taken out, one by one and together; the learning rate lower and higher."""
    del out
    named = list(dict.fromkeys(group for stage in recipe.stages for group in stage.rates))
    for group in named:
        yield f"without rate of {group}", {"stages": [_without_rates(stage, {group}) for stage in recipe.stages]}
    if len(named) > 1:
        yield "one rate for all", {"stages": [_without_rates(stage, set(named)) for stage in recipe.stages]}
    for factor, words in _FACTORS:
        yield f"lr0 {words}", {"lr0": recipe.lr0 * factor}
    for name in ("warmup_steps", "weight_decay"):
        if getattr(recipe, name):
            yield f"without {name.replace('_', ' ')}", {name: 0}


def _steps(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A third of the length, and the length by the habit of counting passes, which is short on few images."""
    del out
    if recipe.epochs is None and recipe.minutes is None:
        yield "steps × 0.33", {"steps": max(1, recipe.steps // 3)}
        yield f"{_PASSES} epochs instead of steps", {"epochs": _PASSES}


def _paste(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    del out
    if recipe.paste:
        yield "without paste", {"paste": 0.0}


def _tiles(recipe: Recipe, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    del out
    if recipe.tiles is not None:
        yield "without tiles", {"tiles": None}


def _without_rates(stage: Stage, groups: Collection[str]) -> dict[str, Any]:
    told = stage.model_dump()
    return told | {"rates": {group: rate for group, rate in told["rates"].items() if group not in groups}}


def _presets(recipe: Recipe) -> Iterator[tuple[str, dict[str, Any]]]:
    """The augmentation preset without each of its items: steps of the list, and whatever else it holds."""
    preset = load_augmentation(recipe.augment).model_dump(mode="json")
    steps = preset["transforms"]
    for index, step in enumerate(steps):
        yield str(step["name"]), preset | {"transforms": steps[:index] + steps[index + 1 :]}
    for name, value in preset.items():
        if name != "transforms" and value:
            yield name, {key: kept for key, kept in preset.items() if key != name}


def _preset_file(out: Path, name: str) -> Path:
    return out.absolute() / "augment" / f"without-{name}.yaml"
