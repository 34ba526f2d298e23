"""One station of a line file: its cameras, who triggers it, and when an answer is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lineproof.line.conduct.challenge import ChallengeSettings
from lineproof.line.station.station import NO_KNOWN_PARTS, Terms
from lineproof.line.triggers.encoder import EncoderSettings
from lineproof.line.triggers.free_run import FreeRunSettings
from lineproof.rules.fusion import Fusion
from lineproof.settings import StrictModel
from lineproof.sources.settings import SourceSettings

StationName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Trigger = Literal["modbus", "opcua", "mqtt", "gpio", "encoder", "free_run", "software"]
WIRES = ("modbus", "opcua", "mqtt", "gpio")
# A controller of these counts up a heartbeat of its own; silence means that nobody reads the results.
WITH_HEARTBEAT = ("modbus", "mqtt")
WITH_PART_ID = ("modbus", "opcua", "mqtt", "software")


class StationSettings(StrictModel):
    """Where parts are inspected, one after the other."""

    cameras: tuple[SourceSettings, ...] = Field(min_length=1, description="one for each view of a part")
    trigger: Trigger = Field(description="the wire that says when a part is there, and reads the answer")
    deadline_ms: float = Field(default=200, ge=1, le=60_000, description="from trigger to answer; later is FAULT")
    trigger_lead_ms: float = Field(
        default=0,
        ge=0,
        le=1000,
        description="cameras with trigger: hardware, strobed by the controller itself: how long before its message at "
        "most; less than the time between two parts",
    )
    fusion: Fusion = Field(
        default="any", description="`any`, `all`, or so many views must reject a part; one that faults always does"
    )
    controller_timeout_ms: float | None = Field(
        default=None,
        ge=0,
        le=60_000,
        description="the controller's heartbeat missing for so long: not ready; default: 300 for modbus and mqtt, else 0 (none)",
    )
    free_run: FreeRunSettings = Field(default_factory=FreeRunSettings, description="of trigger: free_run")
    encoder: EncoderSettings | None = Field(default=None, description="of trigger: encoder; its lines stand in io.gpio")
    challenge: ChallengeSettings | None = Field(
        default=None, description="known parts that the station must judge right at set times; default: none"
    )
    simulation: bool = Field(default=False, description="no real parts: shown on every wire, and PASS becomes FAULT")
    pass_in_simulation: bool = Field(default=False, description="a trial without parts may answer PASS")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        views = [camera.view for camera in self.cameras]
        twice = next((view for view in views if views.count(view) > 1), None)
        if twice is not None:
            raise ValueError(f"two cameras have the view {twice!r}: give each its own, e.g. view: top")
        if isinstance(self.fusion, int) and not 1 <= self.fusion <= len(views):
            raise ValueError(f"fusion {self.fusion}: there are {len(views)} views")
        if self.trigger == "encoder" and self.encoder is None:
            raise ValueError("trigger: encoder needs the section encoder, e.g. {pitch: 120, counts_per_mm: 10}")
        if self.trigger_lead_ms and not all(camera.strobed for camera in self.cameras):
            raise ValueError(
                "trigger_lead_ms: a camera without trigger: hardware would show the part before it was there"
            )
        if self.challenge is not None and self.simulation and not self.pass_in_simulation:
            raise ValueError("challenge: nothing can pass in simulation; leave it out, or set pass_in_simulation")
        return self

    @property
    def needs_wire(self) -> bool:
        """It is triggered by a controller on a wire of `io`."""
        return self.trigger in WIRES

    def located(self, folder: Path) -> Self:
        """The same settings with relative paths taken from `folder`, where the line file lies."""
        return self.model_copy(update={"cameras": tuple(camera.located(folder) for camera in self.cameras)})

    @property
    def terms(self) -> Terms:
        """The same, as the decision core takes it."""
        return Terms(
            deadline_ms=self.deadline_ms,
            controller_timeout_ms=self.heard_within_ms,
            trigger_lead_ms=self.trigger_lead_ms,
            views=tuple(camera.view for camera in self.cameras),
            fusion=self.fusion,
            simulation=self.simulation,
            pass_in_simulation=self.pass_in_simulation,
            known_parts=NO_KNOWN_PARTS if self.challenge is None else self.challenge.known_parts,
        )

    @property
    def heard_within_ms(self) -> float:
        """Silence of the controller that is allowed; 0: it has no heartbeat."""
        if self.controller_timeout_ms is not None:
            return self.controller_timeout_ms
        return 300 if self.trigger in WITH_HEARTBEAT else 0
