"""The recommendation as a recipe file, and the command that trains it."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from lineproof.adapt.ladder.ladder import Comparison, Row
from lineproof.adapt.ladder.plan import Plan, short_hash
from lineproof.adapt.recipe import Recipe
from lineproof.atomic import write_text

RECOMMENDED = "recommended.yaml"


def write_recommended(out: Path, plan: Plan, comparison: Comparison) -> Path | None:
    """Every number of the winner's recipe except those that are at their default; `lineproof train` reads it.

    A classifier on frozen features has no recipe: None, and no file.
    """
    row = comparison.best
    if row.candidate.task == "classify":
        (out / RECOMMENDED).unlink(missing_ok=True)
        return None
    recipe = row.candidate.recipe.model_copy(update={"seed": plan.seeds[0]})
    path = out / RECOMMENDED
    said = recipe.model_dump(mode="json", exclude_defaults=True)
    defaults = Recipe().model_dump(mode="json")
    said = {name: said.get(name, defaults[name]) for name in defaults if name in said or name in _ALWAYS}
    if Path(recipe.augment).suffix in (".yaml", ".yml"):
        said["augment"] = str(Path(recipe.augment).resolve())
    header = [f"# {line}" for line in _why(plan, comparison, row)]
    write_text(path, "\n".join(header) + "\n" + yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
    return path


def train_command(out: Path, plan: Plan, row: Row) -> str:
    """Trains the recommendation anew; a base and a task are no part of a recipe."""
    candidate = row.candidate
    words = ["lineproof", "train", plan.dataset, "--out", str(out / "recommended-run"), "--base", candidate.base]
    if candidate.task:
        words += ["--task", candidate.task]
    if candidate.task == "classify":
        words += ["--imgsz", str(candidate.imgsz)]
    else:
        words += ["--recipe", str(out / RECOMMENDED)]
    return shlex.join(words)


_ALWAYS = ("imgsz", "batch", "augment", "seed")


def _why(plan: Plan, comparison: Comparison, row: Row) -> list[str]:
    figure = "" if row.standing is None else f", {comparison.criterion.name} {row.standing.mean:.4g} on validation"
    lines = [f"{row.candidate.label}: the best of {len(plan.candidates)} candidates{figure}"]
    if row.round is not None and not row.round.last:
        lines.append(f"measured after {row.candidate.length(row.round.share)}, not the whole")
    return [*lines, f"data {Path(plan.dataset).name}, content hash {short_hash(plan.dataset_hash)}"]
