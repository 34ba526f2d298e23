"""Which nodes a station has: variables, methods and events, named as in OPC 40100-1 where it has a name for them.

The companion specification's own nodeset is not shipped with the library, so these are plain types in a namespace of
ours. Names and numbers of the states, and the names of methods and events, are those of OPC 40100-1; signatures are
simpler (MeasId is a String). Everything has a string NodeId, `STATION/PATH`, that never changes between starts:

    Objects / STATION                                  VisionSystemType
        VisionStateMachine / CurrentState (Number)     and the methods
        Result / Outcome, Seq, PartId, …               Bad_NoData unless a result is valid
        Status / Ready, Heartbeat, FaultCode, …
        Counters / Passed, Failed, Errors, Missed
        ControllerHeartbeat                            written by the controller, changed at least every 100 ms
        CommandsRefused                                calls answered with Bad_TooManyOperations

What a client may rely on. OPC UA guarantees consistency for one value only: a Read or a Publish may return several
values of different moments. This server writes all variables of a view in one step of its loop, so that one Read
request returns values of one view; all that a view changed carries the same SourceTimestamp; and between two
results every result variable turns Bad once, so that each of them is reported anew. A client that looks at
notifications one by one must still put them together by SourceTimestamp. `Result/ResultSnapshot` needs none of
that: the whole result is one JSON text, one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "urn:lineproof:machine-vision"
MACHINE = "VisionStateMachine"
CONTROLLER_HEARTBEAT = "ControllerHeartbeat"
COMMANDS_REFUSED = "CommandsRefused"
SNAPSHOT = "Result/ResultSnapshot"


class Kind(StrEnum):
    """Built-in data types of OPC UA (Part 6, 5.1.2)."""

    BOOLEAN = "Boolean"
    UINT16 = "UInt16"
    UINT32 = "UInt32"
    DOUBLE = "Double"
    STRING = "String"
    DATE_TIME = "DateTime"
    NAME = "LocalizedText"


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that clients read and subscribe to; `path` is below the station."""

    path: str
    kind: Kind
    about: str


@dataclass(frozen=True, slots=True)
class Argument:
    """In or out of a method."""

    name: str
    kind: Kind
    about: str


@dataclass(frozen=True, slots=True)
class Method:
    """What a controller may ask."""

    name: str
    about: str
    inputs: tuple[Argument, ...] = ()
    outputs: tuple[Argument, ...] = ()


RESULT = (
    Variable("Result/ResultId", Kind.STRING, "session (hex) and Seq; what Acknowledge wants"),
    Variable("Result/Session", Kind.UINT32, "random for each start: take up Seq anew when it changes"),
    Variable("Result/Seq", Kind.UINT32, "of the trigger; the JobId of StartSingleJob"),
    Variable("Result/MeasId", Kind.STRING, "as given to StartSingleJob; empty for other triggers"),
    Variable("Result/PartId", Kind.STRING, "of the part that was inspected"),
    Variable("Result/Outcome", Kind.STRING, "PASS, FAIL, REVIEW, ERROR or MISSED; eject unless PASS with status Good"),
    Variable("Result/OutcomeCode", Kind.UINT16, "0xA5C3 PASS, 0x5A96 FAIL, 0x6C69 REVIEW, 0x3935 ERROR, 0x93AC MISSED"),
    Variable("Result/ReasonCode", Kind.UINT16, "why not PASS; 0 with PASS"),
    Variable("Result/Reasons", Kind.STRING, "rule and text of each reason, one per line"),
    Variable("Result/Defects", Kind.UINT32, "detections that count"),
    Variable("Result/TopClass", Kind.UINT16, "class of the surest one; 0xFFFF: none"),
    Variable("Result/TopScore", Kind.DOUBLE, "0 to 1"),
    Variable("Result/WorstSize", Kind.UINT32, "of the largest defect, in µm; 0: none or not known"),
    Variable("Result/Latency", Kind.DOUBLE, "trigger to result, in ms"),
    Variable("Result/FrameAge", Kind.DOUBLE, "exposure to result, in ms"),
    Variable("Result/ModelId", Kind.STRING, "digest of the bundle, hex"),
    Variable("Result/RulesetId", Kind.STRING, "digest of the line file, hex"),
    Variable("Result/Recipe", Kind.UINT32, "the result was made with"),
    Variable("Result/IsSimulated", Kind.BOOLEAN, "no real part was inspected"),
    Variable("Result/ResultTime", Kind.DATE_TIME, "UTC"),
    Variable(SNAPSHOT, Kind.STRING, "all of the above as one JSON object: one value, never half old and half new"),
)
STATE = (
    Variable(f"{MACHINE}/CurrentState", Kind.NAME, "name as in OPC 40100-1"),
    Variable(f"{MACHINE}/CurrentState/Number", Kind.UINT32, "as in OPC 40100-1; Error is 3"),
)
STATUS = (
    Variable("Status/Session", Kind.UINT32, "random for each start"),
    Variable("Status/Online", Kind.BOOLEAN, "verified and not stopped"),
    Variable("Status/Ready", Kind.BOOLEAN, "the next StartSingleJob will be taken"),
    Variable("Status/Triggered", Kind.BOOLEAN, "the trigger was taken"),
    Variable("Status/Acquiring", Kind.BOOLEAN, "the camera exposes"),
    Variable("Status/AcquisitionDone", Kind.BOOLEAN, "the part may move"),
    Variable("Status/Inspecting", Kind.BOOLEAN, "the picture is being judged"),
    Variable("Status/ResultValid", Kind.BOOLEAN, "the variables below Result are Good"),
    Variable("Status/MissedTrigger", Kind.BOOLEAN, "latched until Reset"),
    Variable("Status/ResultOverrun", Kind.BOOLEAN, "latched: a result was not acknowledged before the next trigger"),
    Variable("Status/Warning", Kind.BOOLEAN, "see the station's own screen"),
    Variable("Status/FaultCode", Kind.UINT16, "0: none"),
    Variable("Status/ChallengeDue", Kind.BOOLEAN, "a challenge part is due"),
    Variable("Status/Simulation", Kind.BOOLEAN, "no real parts are inspected"),
    Variable("Status/Degraded", Kind.BOOLEAN, "runs on another execution provider than asked for"),
    Variable("Status/StorageDegraded", Kind.BOOLEAN, "records cannot be kept as they should"),
    Variable("Status/Drift", Kind.BOOLEAN, "parts look different from those of the proof"),
    Variable("Status/Heartbeat", Kind.UINT16, "counted up by the decision loop; 300 ms without a change: eject"),
    Variable("Status/PartId", Kind.STRING, "of the trigger under way or the last one answered"),
    Variable("Status/Recipe", Kind.UINT32, "active"),
    Variable("Status/ModelId", Kind.STRING, "digest of the bundle, hex"),
    Variable("Status/RulesetId", Kind.STRING, "digest of the line file, hex"),
)
COUNTERS = (
    Variable("Counters/Passed", Kind.UINT32, "of this session"),
    Variable("Counters/Failed", Kind.UINT32, "of this session, REVIEW too"),
    Variable("Counters/Errors", Kind.UINT32, "of this session"),
    Variable("Counters/Missed", Kind.UINT32, "of this session"),
)
SHOWN = (*STATE, *STATUS, *COUNTERS, *RESULT)

METHODS = (
    Method(
        "StartSingleJob",
        "Good: the trigger was taken, seen in what the station shows. Bad_InvalidState: it was not. Bad_Timeout: not "
        "known; only a result with this PartId can tell, so eject",
        (
            Argument("MeasId", Kind.STRING, "comes back with the result"),
            Argument("PartId", Kind.STRING, "of the part in front of the camera"),
            Argument("Recipe", Kind.UINT32, "0: whatever is active"),
        ),
        (Argument("JobId", Kind.UINT32, "Seq of the result to come"),),
    ),
    Method(
        "Acknowledge",
        "Good: the decision loop was told that the result was read. Bad_NotFound: it is not the one shown",
        (Argument("ResultId", Kind.STRING, "of the result that was read"),),
    ),
    Method("SelectModeAutomatic", "Good: the decision loop was told to take parts; Ready when CurrentState says so"),
    Method("Stop", "Good: the decision loop was told to take no more parts; the one under way is still answered"),
    Method("Halt", "Good: the decision loop was told to stop; only Reset leads out"),
    Method("Reset", "Good: the decision loop was told to clear latches and to leave Error or Halted"),
    Method(
        "PrepareRecipe",
        "Good: the decision loop was told; prepared when Status/Recipe says so and the station is Ready again",
        (Argument("Recipe", Kind.UINT32, "1 to 65535"),),
    ),
)

_PART = (("PartId", Kind.STRING),)
EVENTS: dict[str, tuple[tuple[str, Kind], ...]] = {
    "StateChanged": (
        ("FromState", Kind.STRING),
        ("FromNumber", Kind.UINT32),
        ("ToState", Kind.STRING),
        ("ToNumber", Kind.UINT32),
    ),
    "JobStarted": (*_PART, ("Recipe", Kind.UINT32)),
    "AcquisitionDone": _PART,
    "ResultReady": (
        ("ResultId", Kind.STRING),
        ("JobId", Kind.UINT32),
        ("Session", Kind.UINT32),
        *_PART,
        ("Outcome", Kind.STRING),
        ("IsSimulated", Kind.BOOLEAN),
        ("ResultSnapshot", Kind.STRING),
    ),
    "ErrorEvent": (("FaultCode", Kind.UINT16), ("State", Kind.STRING)),
}
