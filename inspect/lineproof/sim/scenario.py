"""What is to be tried: parts, timing, and which faults how often; a file of `configs/scenarios`."""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from lineproof.settings import StrictModel

FaultName = Literal[
    "camera_lost",
    "camera_stalled",
    "frozen_picture",
    "lamp_stuck",
    "torn_frame",
    "size_changed",
    "stale_frame",
    "frame_of_another_part",
    "engine_slow",
    "engine_hung",
    "engine_crashed",
    "engine_failed",
    "verdict_twice",
    "bundle_swapped",
    "bundle_refused",
    "recipe_wrong",
    "controller_silent",
    "link_down",
    "block_torn",
    "block_flipped",
    "station_frozen",
    "station_restarted",
    "trigger_twice",
    "trigger_skipped",
    "trigger_old",
    "trigger_burst",
    "ack_missing",
    "halted",
    "clock_jump",
]
FAULTS: tuple[FaultName, ...] = get_args(FaultName)


class Timing(StrictModel):
    """Milliseconds of everything that takes time."""

    pitch: float = Field(default=300, gt=0, description="between parts")
    jitter: float = Field(default=20, ge=0, description="of the pitch, standard deviation")
    scan: float = Field(default=10, gt=0, description="cycle of the controller")
    wire: float = Field(default=1, ge=0, description="one way between controller and station")
    exposure: float = Field(default=5, ge=0, description="trigger to exposure")
    inference: float = Field(default=30, ge=0, description="median")
    deadline: float = Field(default=150, gt=0, description="of the station")
    timer: float = Field(default=200, gt=0, description="of the controller: whatever has not passed by then is ejected")
    turn: float = Field(default=5, gt=0, description="of the decision loop")
    boot: float = Field(default=4000, gt=0, description="start of the station to verified")


class Scenario(StrictModel):
    """One campaign."""

    name: str = Field(min_length=1, description="for the table")
    parts: int = Field(default=1000, ge=1, description="parts on the conveyor")
    bad_share: float = Field(default=0.3, ge=0, le=1, description="of the parts")
    seed: int = Field(default=0, ge=0, description="the same seed gives the same campaign")
    views: tuple[str, ...] = Field(default=("main",), min_length=1, description="cameras on each part")
    timing: Timing = Field(default_factory=Timing, description="milliseconds")
    faults: tuple[FaultName, ...] = Field(default=(), description="which; default: none")
    fault_share: float = Field(default=0.25, ge=0, le=1, description="parts with a fault")

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.timing.deadline >= self.timing.timer:
            raise ValueError("timing.deadline must end before timing.timer, or no answer can be read in time")
        return self
