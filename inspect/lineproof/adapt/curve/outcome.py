"""What one run of a study showed on the held-out images, as it lies on disk."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, ValidationError

from lineproof.adapt.curve.plan import Arm
from lineproof.atomic import write_json
from lineproof.errors import InputError
from lineproof.proof.average_precision import known_figure
from lineproof.proof.evaluate import Evaluation
from lineproof.proof.rates import Rate
from lineproof.settings import StrictModel


class Counted(StrictModel):
    """So many of so many."""

    count: int = Field(ge=0, description="parts it happened to")
    of: int = Field(ge=0, description="parts it could have happened to")

    @property
    def rate(self) -> Rate:
        """With its interval."""
        return Rate(self.count, self.of)


class RunOutcome(StrictModel):
    """The content of `runs/NAME.json`."""

    images: int = Field(description="training images asked for")
    trained_images: int = Field(description="training images used")
    ok_images: int = Field(description="good parts among them")
    seed: int = Field(description="of the subset and of the training")
    arm: Arm = Field(description="all, or the same without the good parts")
    data_hash: str = Field(description="of the view it was trained on")
    base: str = Field(description="as asked for")
    recipe: str = Field(description="the recipe asked for as JSON, without the seed")
    held_out: str = Field(description="the split that was measured")
    seconds: float = Field(description="spent in epochs")
    figure: str = Field(description="box mAP50 or mask mAP50")
    value: float | None = Field(description="that figure; null when there was nothing to find")
    per_class: dict[str, float | None] = Field(description="AP50 by class; null for one the held-out images lack")
    escapes: Counted = Field(description="bad parts that passed")
    overkill: Counted = Field(description="good parts that were rejected")


def figures_of(evaluation: Evaluation) -> dict[str, object]:
    """The measured part of an outcome: masks where there are any, else boxes."""
    best = evaluation.masks or evaluation.boxes
    rates = evaluation.rates
    return {
        "figure": "mask mAP50" if evaluation.masks else "box mAP50",
        "value": known_figure(best.ap50),
        "per_class": {name: known_figure(ap50) for name, (ap50, _) in best.per_class.items()},
        "escapes": {"count": rates.escape.count, "of": rates.escape.of},
        "overkill": {"count": rates.overkill.count, "of": rates.overkill.of},
    }


def read_outcome(path: Path) -> RunOutcome:
    """One finished run; raises InputError when the file is damaged."""
    try:
        return RunOutcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        what = str(error).splitlines()[0]
        raise InputError(f"{path}: not the result of a run ({what})", hint="delete it: the run is done again") from None


def write_outcome(path: Path, outcome: RunOutcome) -> None:
    """Atomically: a run counts as finished when this file is there."""
    write_json(path, outcome.model_dump(mode="json"))
