"""What cameras and the engine tell the decision loop."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core import Frame, Inspection, Provenance
from lineproof.line.station.faults import FaultCode


@dataclass(frozen=True, slots=True)
class Seen:
    """The frame that a trigger asked for."""

    station: str
    view: str
    seq: int
    frame: Frame
    exposed_ns: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The frame that a trigger asked for came, and nobody may judge by it."""

    station: str
    view: str
    seq: int
    why: str
    exposed_ns: int
    frame: Frame | None = None  # for the records, where there are pixels at all


@dataclass(frozen=True, slots=True)
class Blind:
    """A camera cannot see."""

    station: str
    view: str
    code: FaultCode
    why: str


@dataclass(frozen=True, slots=True)
class Seeing:
    """A camera sees again, or for the first time."""

    station: str
    view: str


@dataclass(frozen=True, slots=True)
class Through:
    """A replay has no more frames."""

    station: str
    view: str


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The bundle is verified, its probes agree on this hardware."""

    provenance: Provenance
    classes: tuple[str, ...]
    degraded: bool = False  # another execution provider than asked for


@dataclass(frozen=True, slots=True)
class Inspected:
    """The engine is through with a frame; its inspection may be a FAULT."""

    station: str
    seq: int
    inspection: Inspection


@dataclass(frozen=True, slots=True)
class NotInspected:
    """The engine dropped a frame: too late to be begun, or it was lost with the process."""

    station: str
    view: str
    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class EngineLost:
    """No frame can be inspected until the engine is ready again."""

    why: str
    code: FaultCode = FaultCode.ENGINE_LOST


News = Seen | Spoilt | Blind | Seeing | Through | EngineReady | Inspected | NotInspected | EngineLost
