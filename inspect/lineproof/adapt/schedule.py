"""How far a run is, and how fast it learns there: counted in optimiser steps, or in minutes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from lineproof.adapt.recipe import Recipe
from lineproof.adapt.stages import Stage, stage_at, start_of

_LONGEST_RISE = 0.1  # of a stage


@dataclass(slots=True)
class Schedule:
    """Progress from 0 to 1 and the learning rate that belongs to it; what `as_dict` gives is all of its state."""

    recipe: Recipe
    steps_total: int  # of the optimiser; not looked at when the recipe gives minutes
    steps: int = 0
    seconds: float = 0.0  # spent in sittings before this one
    skipped: float = 0.0  # share of the run that stages gave up when they stopped improving
    stage_index: int = 0
    stage_first_step: int = 0
    validations_without_better: int = 0  # in this stage
    validations_since_best: int = 0  # in the run
    _since_s: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 (looked up when it is called)
    reserve_s: float = 0.0  # kept back for the last validation

    @property
    def progress(self) -> float:
        """The share of the run that is done."""
        if self.recipe.minutes is not None:
            done = self.elapsed_s / max(self.recipe.minutes * 60 - self.reserve_s, 1e-3)
        else:
            done = self.steps / self.steps_total
        return min(done + self.skipped, 1.0)

    @property
    def elapsed_s(self) -> float:
        """Seconds of all sittings."""
        return self.seconds + time.monotonic() - self._since_s

    @property
    def finished(self) -> bool:
        """Whether the run has its length."""
        return self.progress >= 1.0

    @property
    def stage(self) -> Stage:
        """The stage that is running."""
        return self.recipe.stages[self.stage_index]

    def stage_is_over(self) -> bool:
        """Whether the next stage is due."""
        return stage_at(self.recipe.stages, self.progress) > self.stage_index

    def next_stage(self) -> None:
        """Begin the stage that progress has come to."""
        self.stage_index = stage_at(self.recipe.stages, self.progress)
        self.stage_first_step = self.steps
        self.validations_without_better = 0

    def judged(self, *, better: bool) -> None:
        """Count a validation."""
        self.validations_without_better = 0 if better else self.validations_without_better + 1
        self.validations_since_best = 0 if better else self.validations_since_best + 1

    def give_up_stage(self) -> None:
        """Leave out what remains of this stage."""
        end = start_of(self.recipe.stages, self.stage_index + 1)
        self.skipped += max(end - self.progress, 0.0)

    def rate(self) -> float:
        """The learning rate as a share of lr0, before the group's own: a rise, then a fall to `lrf` within the stage."""
        recipe = self.recipe
        local = (self.progress - start_of(recipe.stages, self.stage_index)) / self.stage.share
        local = min(max(local, 0.0), 1.0)
        since = self.steps - self.stage_first_step
        # A short stage rises within its first tenth, whatever warmup_steps says.
        rise = min(max((since + 1) / max(recipe.warmup_steps, 1), local / _LONGEST_RISE), 1.0)
        fall = (1 + math.cos(math.pi * local)) / 2 if recipe.schedule == "cosine" else 1 - local
        return rise * (recipe.lrf + (1 - recipe.lrf) * fall)

    def as_dict(self) -> dict[str, float]:
        """What a resumed run needs."""
        return {
            "steps": self.steps,
            "seconds": self.elapsed_s,
            "skipped": self.skipped,
            "stage_index": self.stage_index,
            "stage_first_step": self.stage_first_step,
            "validations_without_better": self.validations_without_better,
            "validations_since_best": self.validations_since_best,
            "reserve_s": self.reserve_s,
        }

    def take_over(self, state: dict[str, float]) -> None:
        """Go on from `as_dict`."""
        self.steps, self.stage_index = int(state["steps"]), int(state["stage_index"])
        self.seconds, self.skipped = state["seconds"], state["skipped"]
        self.stage_first_step = int(state["stage_first_step"])
        self.validations_without_better = int(state["validations_without_better"])
        self.validations_since_best = int(state["validations_since_best"])
        self.reserve_s = state["reserve_s"]
        self._since_s = time.monotonic()
