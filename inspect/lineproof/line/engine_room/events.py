"""What a station hands to the engine room, and what it hears from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lineproof.core import Frame, Inspection, Provenance

Key = str | int  # of a station


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One frame to inspect; every job that was taken comes back as exactly one of Done, Dropped or Lost."""

    key: Key  # the station, which shares the engine fairly with the others
    seq: int  # the trigger; the views of one part share it
    frame: Frame
    due_ns: int  # by the monotonic clock; not begun after it
    recipe: int = 0  # which inspector, where the engine has several


class Decides(NamedTuple):
    """One inspector, as others know it."""

    provenance: Provenance
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is verified, warm, and has answered its probes; this is what decides, by recipe."""

    recipes: Mapping[int, Decides]


@dataclass(frozen=True, slots=True)
class Done:
    """The inspection; FAULT when the run failed."""

    job: Job
    inspection: Inspection


@dataclass(frozen=True, slots=True)
class Dropped:
    """Never begun: its due time passed, or it was abandoned."""

    job: Job


@dataclass(frozen=True, slots=True)
class Lost:
    """The process ended, and these jobs with it."""

    text: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """There will be no engine any more."""

    text: str


RoomEvent = Ready | Done | Dropped | Lost | GivenUp
