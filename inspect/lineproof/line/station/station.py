"""Everything a station knows, as one immutable value, and what its controller sees of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from lineproof.core.codes import FaultCode
from lineproof.core.station import Counters, PartResult, State, StationView
from lineproof.line.station.challenge import Check, KnownParts
from lineproof.line.station.events import Effect, Finding, Noted
from lineproof.rules.fusion import Fusion

Phase = Literal["acquiring", "inspecting"]
NONE_YET = Counters()
ALL_WELL = Noted()
NO_KNOWN_PARTS = KnownParts()
NOTHING_CHECKED = Check()


@dataclass(frozen=True, slots=True)
class Terms:
    """What does not change while a station runs."""

    deadline_ms: float = 200.0  # trigger to result, unless the trigger says less
    controller_timeout_ms: float = 300.0  # heartbeat missing so long: nobody is there; 0: no controller is asked for
    heartbeat_ms: float = 100.0
    trigger_lead_ms: float = 0.0  # how long before its message a trigger may have reached the cameras
    views: tuple[str, ...] = ("main",)
    fusion: Fusion = "any"
    simulation: bool = False
    pass_in_simulation: bool = False  # a site may allow it, for a trial without parts
    known_parts: KnownParts = NO_KNOWN_PARTS
    reads_part_id: bool = False  # from the picture, where the trigger names no part

    @property
    def lead_ns(self) -> int:
        """`trigger_lead_ms`, as clocks count."""
        return int(self.trigger_lead_ms * 1e6)


@dataclass(frozen=True, slots=True)
class Part:
    """The trigger under way, with what was active when it came."""

    seq: int
    part_id: str
    recipe: int
    triggered_ns: int
    deadline_ns: int
    model_id: str
    ruleset_id: str
    only_known: bool = False  # it counts if it is one of the known parts, and not otherwise
    exposed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # view → exposed_ns
    findings: Mapping[str, Finding] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Station:
    """The whole state; `step` gives the next one."""

    terms: Terms
    session: int
    verified: bool = False
    model_id: str = ""
    ruleset_id: str = ""
    recipe: int = 0
    preparing: bool = False  # another recipe is being verified: no trigger is taken
    enabled: bool = False
    challenging: bool = False  # the controller says that the parts to come are known ones
    halted: bool = False
    faults: frozenset[FaultCode] = frozenset()
    alive_ns: int | None = None  # when the controller was last heard; None: never in this session
    part: Part | None = None
    shown: PartResult | None = None  # ResultValid is on
    last_seq: int | None = None  # the highest answered in this session
    last_part_id: str = ""
    last_triggered_ns: int | None = None  # of the last trigger that was new
    missed_trigger: bool = False
    result_overrun: bool = False
    skipped: int = 0  # sequence numbers that never came
    repeated: int = 0  # triggers of a number that was answered or is under way
    counters: Counters = NONE_YET
    heartbeat: int = 0
    beat_ns: int | None = None
    notes: Noted = ALL_WELL
    check: Check = NOTHING_CHECKED

    def controller_alive(self, now_ns: int) -> bool:
        """Whether somebody reads the results."""
        timeout_ms = self.terms.controller_timeout_ms
        if timeout_ms == 0:
            return True
        return self.alive_ns is not None and now_ns - self.alive_ns <= timeout_ms * 1e6

    def can_start(self, now_ns: int) -> bool:
        """Whether a trigger now would be inspected."""
        return self._could_start(now_ns) and (self.challenging or not self.held_back(now_ns))

    def takes(self, part_id: str, now_ns: int) -> bool:
        """The same for one part ("": not named): a known one is taken while others are held back."""
        if self.can_start(now_ns):
            return True
        may_be_known = part_id in self.terms.known_parts.expected or (part_id == "" and self.terms.reads_part_id)
        return may_be_known and self._could_start(now_ns)

    def held_back(self, now_ns: int) -> bool:
        """Whether only known parts are inspected, as the check with them is overdue."""
        known = self.terms.known_parts
        return known.overdue_stops and self.check_at(now_ns).is_overdue(known, now_ns)

    def check_at(self, now_ns: int) -> Check:
        """The check with known parts; it becomes due between two events, too."""
        return self.check.passed_by(self.terms.known_parts, now_ns)

    def why_not(self, now_ns: int) -> str:
        """Why no inspection can be started, in words."""
        under_way = "" if self.part is None else f"part {self.part.seq} is under way"
        fault = "" if not self.faults else f"fault {min(self.faults).name}"
        silent = "" if self.controller_alive(now_ns) else "the controller's heartbeat is missing"
        halted = "the station is halted" if self.halted else ""
        unverified = "no verified bundle is active" if not self.verified or self.preparing else ""
        disabled = "" if self.enabled else "the station is not enabled"
        to_show = ", ".join(self.check.left(self.terms.known_parts))
        overdue = f"the check with known parts is overdue: {to_show}"
        return under_way or silent or halted or fault or unverified or disabled or overdue

    def _could_start(self, now_ns: int) -> bool:
        return (
            self.verified
            and self.enabled
            and not (self.halted or self.preparing or self.faults)
            and self.part is None
            and self.controller_alive(now_ns)
        )

    @property
    def state(self) -> State:
        """In the words of OPC 40100-1."""
        if self.halted:
            return State.HALTED
        if self.faults:
            return State.ERROR
        if not self.verified or self.preparing:
            return State.PREOPERATIONAL
        if self.part is not None:
            return State.SINGLE_EXECUTION
        return State.READY if self.enabled else State.INITIALIZED


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what is to be done, in order."""

    station: Station
    effects: tuple[Effect, ...] = ()


def next_session(session: int) -> int:
    """Another session number (uint32, never 0), the same for the same one."""
    digest = hashlib.sha256(session.to_bytes(4, "big")).digest()
    return int.from_bytes(digest[:4], "big") or 1


def view_of(station: Station, now_ns: int) -> StationView:
    """What the wire shows at this moment; a controller that is gone is shown nothing that could be a result."""
    part, notes, check = station.part, station.notes, station.check_at(now_ns)
    alive = station.controller_alive(now_ns)
    exposed = part is not None and len(part.exposed) == len(station.terms.views)
    return StationView(
        session=station.session,
        state=station.state,
        result=station.shown if alive else None,
        ready=station.can_start(now_ns),
        triggered=part is not None or station.shown is not None,
        acquiring=part is not None and not exposed,
        acquired=exposed or station.shown is not None,
        inspecting=exposed,
        missed_trigger=station.missed_trigger,
        result_overrun=station.result_overrun,
        warning=notes.warning or check.is_overdue(station.terms.known_parts, now_ns),
        fault_code=min(station.faults, default=0),
        challenge_due=check.due_ns is not None,
        simulation=station.terms.simulation,
        degraded=notes.degraded,
        storage_degraded=notes.storage_degraded,
        drift=notes.drift,
        heartbeat=station.heartbeat,
        part_id=part.part_id if part is not None else station.last_part_id,
        recipe=station.recipe,
        model_id=station.model_id,
        ruleset_id=station.ruleset_id,
        counters=station.counters,
    )
