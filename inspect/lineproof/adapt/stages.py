"""A run in stages: which parts of the network learn, how fast, and for how long."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from lineproof.adapt.groups import GROUPS, GroupName
from lineproof.settings import StrictModel

Rate = Annotated[float, Field(gt=0, le=100)]


class Stage(StrictModel):
    """One stage; it begins with a warm-up, fresh optimiser moments and a fresh moving average of the weights."""

    name: str = Field(default="all", min_length=1, description="what the log calls it")
    train: tuple[GroupName, ...] = Field(default=GROUPS, description="groups that learn; the others are frozen")
    share: float = Field(default=1.0, gt=0, le=1, description="of the run's length; all stages add up to 1")
    rates: dict[GroupName, Rate] = Field(
        default_factory=dict, description="learning rate of a group as a share of lr0; 1 where a group is not named"
    )
    patience: int | None = Field(
        default=None, ge=1, description="end the stage after so many validations without a better one"
    )
    frozen_statistics: bool = Field(
        default=False, description="frozen groups go on learning batch-norm statistics (means and variances)"
    )

    @model_validator(mode="after")
    def _something_learns(self) -> Self:
        if not self.train:
            raise ValueError(f"stage {self.name!r} freezes everything: name the groups that learn in `train`")
        if len(set(self.train)) != len(self.train):
            raise ValueError(f"stage {self.name!r}: a group is named twice in `train`")
        idle = [group for group in self.rates if group not in self.train]
        if idle:
            raise ValueError(f"stage {self.name!r}: a rate for {idle[0]!r}, which is frozen")
        return self

    def rate(self, group: GroupName) -> float:
        """The group's learning rate as a share of lr0."""
        return self.rates.get(group, 1.0)


def check_shares(stages: tuple[Stage, ...]) -> None:
    """Raise ValueError unless there is a stage and the shares add up to 1."""
    if not stages:
        raise ValueError("stages: at least one is needed")
    total = sum(stage.share for stage in stages)
    if abs(total - 1) > 1e-6:
        raise ValueError(f"stages: the shares add up to {total:g}, not to 1")


def stage_at(stages: tuple[Stage, ...], progress: float) -> int:
    """Index of the stage in which a run is after this share of its length."""
    end = 0.0
    for index, stage in enumerate(stages):
        end += stage.share
        if progress < end - 1e-9:
            return index
    return len(stages) - 1


def start_of(stages: tuple[Stage, ...], index: int) -> float:
    """The share of the run's length at which a stage begins."""
    return sum(stage.share for stage in stages[:index])
