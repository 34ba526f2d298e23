"""What cameras tell the decision loop; what the engine tells it stands in `engine_room.events`."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core import Frame
from lineproof.core.codes import FaultCode
from lineproof.line.engine_room.events import RoomEvent


@dataclass(frozen=True, slots=True)
class Seen:
    """The frame that a trigger asked for."""

    station: str
    view: str
    seq: int
    frame: Frame
    exposed_ns: int
    part_id: str = ""  # as read on the frame; "": none was looked for


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
class NotTaken:
    """The engine took no job for a frame that was seen."""

    station: str
    view: str
    seq: int


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


EyeNews = Seen | Spoilt | NotTaken | Blind | Seeing | Through
News = EyeNews | RoomEvent
