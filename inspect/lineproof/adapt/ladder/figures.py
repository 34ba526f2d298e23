"""What a trial leaves behind: its figures, of the last round measured through the sealed bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from lineproof.atomic import write_json
from lineproof.settings import StrictModel


class PartMargins(StrictModel):
    """How each part of a split came out, in the order of the samples."""

    group: tuple[str, ...] = Field(description="part or lot it belongs to")
    bad: tuple[bool, ...] = Field(description="whether it has a defect")
    margin: tuple[float | None, ...] = Field(
        description="log-odds of its strongest detection above the threshold of that class; none: nothing was found"
    )


class SplitFigures(StrictModel):
    """Figures on one split."""

    images: int = Field(description="measured")
    groups: int = Field(description="parts or lots they belong to")
    map50: float | None = Field(description="of masks where masks were learnt, else of boxes; none: not a detector")
    map50_95: float | None = Field(description="the same, averaged over IoU 0.50 to 0.95")
    map_drawn: tuple[float | None, ...] = Field(
        default=(), description="mAP50-95 of the split drawn anew from its groups; none before the last round"
    )
    escapes: tuple[int, int] = Field(description="bad parts that passed at the trial's thresholds, of how many")
    overkill: tuple[int, int] = Field(description="good parts that were rejected at them, of how many")
    parts: PartMargins = Field(description="one by one")


class TrialResult(StrictModel):
    """The content of `trial.json`."""

    key: str = Field(description="folder of the trial")
    status: Literal["done", "failed", "stopped"] = Field(description="stopped: out of time, tried when called again")
    reason: str = Field(default="", description="why it failed or was stopped")
    again: bool = Field(default=False, description="worth another try: its failure need not repeat itself")
    epochs_run: int = Field(default=0, description="passes over the training images")
    best_epoch: int = Field(default=0, description="the epoch that was kept")
    train_s: float = Field(default=0.0, description="seconds in epochs")
    total_s: float = Field(default=0.0, description="seconds from start to end, export and measuring included")
    run: str = Field(default="", description="folder of the training run")
    bundle: str = Field(default="", description="folder of the sealed bundle; none before the last round")
    digest: str = Field(default="", description="of the bundle")
    thresholds: dict[str, float] = Field(default={}, description="score threshold of each class, as it is sealed")
    device: str = Field(default="", description="trained on")
    precision: str = Field(default="", description="computed in")
    val: SplitFigures | None = Field(default=None, description="what candidates are ranked by")
    test: SplitFigures | None = Field(default=None, description="of the last round; never chosen by")


RESULT = "trial.json"


def write_result(folder: Path, result: TrialResult) -> None:
    """Whole or not at all."""
    write_json(folder / RESULT, result.model_dump(mode="json"))


def read_result(folder: Path) -> TrialResult | None:
    """What a finished trial left; None where there is none, or one that is worth another try."""
    try:
        result = TrialResult.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return None
    return None if result.again or result.status == "stopped" else result
