"""What a controller sees of a station, and what it may ask: the words of every wire.

State numbers are those of OPC 40100-1 (machine vision). At rest everything reads as "no result".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from lineproof.core.verdict import Decision, Reason


class State(IntEnum):
    """Of the station; the numbers are those of OPC 40100-1, ERROR's is ours."""

    PREOPERATIONAL = 1  # nothing verified yet
    HALTED = 2  # stopped by a person or the controller; only a reset leads out
    ERROR = 3  # a fault that no part can be inspected with
    INITIALIZED = 5  # verified, not asked to run
    READY = 6  # the next trigger will be answered
    SINGLE_EXECUTION = 7  # a triggered part is under way
    CONTINUOUS_EXECUTION = 8  # free running


class Outcome(StrEnum):
    """The one terminal answer to a trigger; ERROR and MISSED are both the decision FAULT."""

    PASS = "PASS"
    FAIL = "FAIL"
    REVIEW = "REVIEW"
    ERROR = "ERROR"  # no valid inspection happened
    MISSED = "MISSED"  # the trigger came while no inspection could be started

    @property
    def inspected(self) -> bool:
        """An inspection came to its end."""
        return self not in (Outcome.ERROR, Outcome.MISSED)

    @property
    def decision(self) -> Decision:
        """The decision that goes into the records."""
        return Decision(self.value) if self.inspected else Decision.FAULT


@dataclass(frozen=True, slots=True)
class PartResult:
    """One terminal answer with what a controller can use of it."""

    session: int  # uint32, random for each start: a controller must take up the sequence anew
    seq: int  # uint32 of the trigger, never 0
    part_id: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    reason_code: int = 0  # uint16, see the I/O page; 0 with PASS
    defects: int = 0  # detections that count
    top_class: int = 0xFFFF  # class id of the surest one; 0xFFFF: none
    top_score: float = 0.0
    worst_size_um: int = 0  # of the largest defect, µm; 0: none, or the scale is not known
    latency_ms: float = 0.0  # trigger to result
    frame_age_ms: float = 0.0  # exposure to result
    model_id: str = ""  # digest of the bundle, hex
    ruleset_id: str = ""  # digest of the line file, hex
    recipe: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Counters:
    """Answers of this session."""

    passed: int = 0
    failed: int = 0  # REVIEW too: whatever is not PASS rests on the reject side
    errors: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class StationView:
    """Everything a wire shows, as one piece: it is never seen half old and half new."""

    session: int
    state: State
    result: PartResult | None = None  # None: ResultValid is off and no result may be read
    ready: bool = False  # the next trigger will be answered
    triggered: bool = False  # TriggerAck: the trigger was taken
    acquiring: bool = False
    acquired: bool = False  # the part may move
    inspecting: bool = False
    missed_trigger: bool = False  # latched until ResetFault
    result_overrun: bool = False  # latched: a result was not acknowledged before the next trigger
    warning: bool = False
    fault_code: int = 0  # uint16, 0: none
    challenge_due: bool = False  # known parts are to be shown to the station
    simulation: bool = False
    degraded: bool = False  # another execution provider than asked for
    storage_degraded: bool = False
    drift: bool = False
    heartbeat: int = 0  # uint16, counted up by the decision loop and nobody else
    part_id: str = ""  # echo of the trigger under way or the last one answered
    recipe: int = 0
    model_id: str = ""
    ruleset_id: str = ""
    counters: Counters = Counters()

    @property
    def online(self) -> bool:
        """Verified and not stopped."""
        return self.state in (State.INITIALIZED, State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION)

    @property
    def takes_known_parts(self) -> bool:
        """The next trigger will be answered by an inspection, if not for any part then for a known one."""
        return self.ready or (self.state is State.READY and self.challenge_due)


@dataclass(frozen=True, slots=True)
class Triggered:
    """A part is in front of the camera."""

    seq: int  # uint32, never 0; the next part has the next number
    part_id: str = ""
    recipe: int = 0  # 0: whatever is active
    deadline_ms: int = 0  # 0: that of the line file
    encoder: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The controller has read the result of this trigger."""

    seq: int


@dataclass(frozen=True, slots=True)
class Enabled:
    """TriggerEnable: the controller wants parts to be inspected, or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class Challenging:
    """ChallengeMode: the parts to come are known ones, to check the station by, or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class Halted:
    """SetOffline: stop, or go on."""

    on: bool


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """Clear latches and try to leave ERROR."""


@dataclass(frozen=True, slots=True)
class RecipeAsked:
    """Prepare another recipe; no trigger is taken until it is verified."""

    recipe: int


@dataclass(frozen=True, slots=True)
class Alive:
    """The controller's own heartbeat changed."""


Command = Triggered | Acknowledged | Enabled | Challenging | Halted | ResetAsked | RecipeAsked | Alive
