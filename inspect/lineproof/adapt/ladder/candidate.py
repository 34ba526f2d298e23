"""What is compared: a rung of the ladder on a base at an image size, and one training of it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import Field

from lineproof import __version__
from lineproof.adapt.ladder.halving import GROWTH
from lineproof.adapt.recipe import Recipe
from lineproof.settings import StrictModel, parse_settings


class Candidate(StrictModel):
    """One way to adapt; its recipe holds the whole schedule."""

    rung: str = Field(description="name of the recipe: features, heads, staged, full, …")
    base: str = Field(description="name or file of the pretrained weights")
    imgsz: int = Field(description="longer side of the input in pixels")
    variant: str = Field(default="", description="what an ablation changed; empty in a comparison")
    task: str | None = Field(default=None, description="detect, segment or classify; none: as the dataset is")
    recipe: Recipe = Field(description="how it is trained; the seed is set for each trial")

    @property
    def label(self) -> str:
        """For people."""
        return self.variant or f"{self.rung} · {Path(self.base).stem} · {self.imgsz} px"

    @property
    def key(self) -> str:
        """For folders: unique, and readable."""
        name = "-".join(filter(None, (self.rung, Path(self.base).stem, str(self.imgsz), self.variant)))
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
        same = plain == name and self.base == Path(self.base).stem
        return plain if same else f"{plain}-{hashlib.sha256(f'{name} {self.base}'.encode()).hexdigest()[:6]}"

    def length(self, share: float) -> str:
        """How long a trial of it is, in words; a classifier on frozen features is fitted, however long that takes."""
        return "one fit" if self.task == "classify" else length_of(shortened(self.recipe, share, self.recipe.seed))


class TrialSpec(StrictModel):
    """One training of a candidate; what travels to the process that does it."""

    candidate: Candidate = Field(description="what is trained")
    seed: int = Field(description="of weights, order and augmentation")
    share: float = Field(gt=0, le=1, description="of the whole length; its schedule is a complete one")
    last: bool = Field(description="of the last round: sealed and measured in full; earlier ones only for their order")
    data: str = Field(description="folder of the dataset")
    dataset_hash: str = Field(description="content hash of the dataset")
    split_hash: str = Field(description="which image is in which split")
    folder: str = Field(description="where the trial leaves its files")
    device: str = Field(default="auto", description="auto, cpu, cuda, …")
    lineproof: str = Field(default=__version__, description="version that asked for it")

    @property
    def recipe(self) -> Recipe:
        """The candidate's, made as long as this trial."""
        return shortened(self.candidate.recipe, self.share, self.seed)

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.candidate.label}, seed {self.seed}, {self.candidate.length(self.share)}"


def shortened(recipe: Recipe, share: float, seed: int) -> Recipe:
    """The same course in less time: stages, warm-up and validations keep their place in it.

    A run that is merely cut off has not yet lowered its learning rate, and says little of where it would have ended.
    """
    changes: dict[str, object] = {
        "seed": seed,
        "steps": _part(recipe.steps, share),
        "epochs": None if recipe.epochs is None else _part(recipe.epochs, share),
        "minutes": None if recipe.minutes is None else recipe.minutes * share,
        "warmup_steps": round(recipe.warmup_steps * share),
        "validations": _part(recipe.validations, share),
    }
    return parse_settings({**recipe.model_dump(), **changes}, Recipe, "compare")


def length_of(recipe: Recipe) -> str:
    """How long a run is, in words."""
    if recipe.minutes is not None:
        return f"{recipe.minutes:.3g} minutes"
    if recipe.epochs is not None:
        return f"{recipe.epochs} epochs" if recipe.epochs != 1 else "1 epoch"
    return f"{recipe.steps} steps"


def thirdings(recipe: Recipe) -> int:
    """How often its length can be cut to a third before less than one step, pass or validation is left."""
    times, left = 0, min(recipe.validations, recipe.epochs or recipe.steps)
    while left >= GROWTH:
        times, left = times + 1, left // GROWTH
    return times


def _part(count: int, share: float) -> int:
    return max(1, round(count * share))
