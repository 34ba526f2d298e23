"""What happens to a station, beside what its controller asks (see `core.station.Command`)."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core.codes import FaultCode
from lineproof.core.station import Command, Outcome, PartResult
from lineproof.core.verdict import Decision, Reason


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle and a line file were checked, and the probes agree on this hardware: they are active from now on."""

    model_id: str
    ruleset_id: str
    recipe: int = 0


@dataclass(frozen=True, slots=True)
class Exposed:
    """A frame of a part came out of the camera."""

    seq: int
    view: str
    exposed_ns: int  # by the monotonic clock
    intact: bool = True  # complete, of the agreed size, counter as expected
    why: str = ""  # what was wrong with it
    part_id: str = ""  # as read on the frame; "": none was looked for


@dataclass(frozen=True, slots=True)
class Finding:
    """What a controller can use of a verdict."""

    decision: Decision
    reasons: tuple[Reason, ...] = ()
    defects: int = 0
    top_class: int = 0xFFFF
    top_score: float = 0.0
    worst_size_um: int = 0


@dataclass(frozen=True, slots=True)
class Inspected:
    """One inference ran to its end on one frame."""

    seq: int
    view: str
    exposed_ns: int  # of the frame it ran on
    model_id: str
    ruleset_id: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """Something keeps the station from inspecting."""

    code: FaultCode
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultGone:
    """Its cause has ended."""

    code: FaultCode


@dataclass(frozen=True, slots=True)
class Noted:
    """Flags for the status word; they never change a decision."""

    warning: bool = False
    degraded: bool = False
    storage_degraded: bool = False
    drift: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """The decision loop has turned: time passes, the heart beats."""


Event = Command | Verified | Exposed | Inspected | FaultSeen | FaultGone | Noted | Tick


@dataclass(frozen=True, slots=True)
class Expose:
    """Take one frame of each view for this part."""

    seq: int
    part_id: str
    views: tuple[str, ...]
    triggered_ns: int
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The one terminal answer to a trigger: on the wire first, then into the records."""

    result: PartResult

    @property
    def outcome(self) -> Outcome:
        """For short."""
        return self.result.outcome


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits for this part's frames and verdicts any more."""

    seq: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Verify the bundle and rules of a recipe; `Verified` or a fault says how it went."""

    recipe: int


Effect = Expose | Answered | Abandon | Prepare
