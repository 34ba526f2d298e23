"""What a station shows, as values of nodes: pure, and Bad whatever is not valid."""

from __future__ import annotations

import json
import math
from enum import IntEnum
from typing import NamedTuple

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import PartResult, State, StationView
from lineproof.signals.opcua.address_space import COUNTERS, RESULT, SHOWN, SNAPSHOT, STATE

UINT16_MAX = 0xFFFF
UINT32_MAX = 0xFFFF_FFFF


class Quality(IntEnum):
    """The status codes this server uses, with their numbers (OPC UA Part 6, A.2)."""

    GOOD = 0
    BAD_NO_COMMUNICATION = 0x8031_0000  # the decision loop shows nothing any more
    BAD_WAITING_FOR_INITIAL_DATA = 0x8032_0000  # nothing was shown yet
    BAD_NO_DATA = 0x809B_0000  # no valid result
    BAD_SHUTDOWN = 0x800C_0000
    BAD_TIMEOUT = 0x800A_0000
    BAD_TOO_MANY_OPERATIONS = 0x8010_0000
    BAD_NOT_FOUND = 0x803E_0000
    BAD_INVALID_STATE = 0x80AF_0000
    BAD_OUT_OF_RANGE = 0x803C_0000
    BAD_INVALID_ARGUMENT = 0x80AB_0000
    BAD_ARGUMENTS_MISSING = 0x8076_0000
    BAD_TOO_MANY_ARGUMENTS = 0x80E5_0000


class Cell(NamedTuple):
    """One value with its status; None when Bad."""

    value: object
    status: Quality = Quality.GOOD


Sheet = dict[str, Cell]  # path of the variable → what it shows


def nothing(why: Quality) -> Sheet:
    """Every variable Bad: before the first view, when the decision loop is silent, after close."""
    return {variable.path: Cell(None, why) for variable in SHOWN}


def sheet_of(view: StationView, meas_id: str = "") -> Sheet:
    """Every variable of a view; those of the result are Good only if there is one, of this session, with a number."""
    values = _state(view) | _status(view) | _counters(view)
    cells = {path: Cell(value) for path, value in values.items()}
    result = valid_result(view)
    if result is None:
        return cells | {variable.path: Cell(None, Quality.BAD_NO_DATA) for variable in RESULT}
    return cells | {path: Cell(value) for path, value in _result(view, result, meas_id).items()}


def updates(before: Sheet, after: Sheet) -> list[Sheet]:
    """What to write, in one or two steps: between two results everything of the result turns Bad once."""
    steps = []
    old, new = before.get(SNAPSHOT), after[SNAPSHOT]
    if old is not None and old.status == new.status == Quality.GOOD and old != new:
        blank = {variable.path: Cell(None, Quality.BAD_NO_DATA) for variable in RESULT}
        steps.append(blank)
        before = before | blank
    steps.append({path: cell for path, cell in after.items() if before.get(path) != cell})
    return [step for step in steps if step]


def valid_result(view: StationView) -> PartResult | None:
    """The result that may be read; one of another session, or without a proper number, is none."""
    result = view.result
    if result is None or result.session != view.session:
        return None
    if not (0 <= result.session <= UINT32_MAX and 0 < result.seq <= UINT32_MAX):
        return None
    return result


def result_id(result: PartResult) -> str:
    """`SESSION-SEQ`, the session in hex: unique over restarts."""
    return f"{result.session:08x}-{result.seq}"


def state_name(state: State) -> str:
    """As OPC 40100-1 writes it, e.g. SingleExecution."""
    return "".join(word.capitalize() for word in state.name.split("_"))


def snapshot(view: StationView, result: PartResult, meas_id: str) -> str:
    """The whole result as one JSON object; its keys are those of the fields of a result."""
    facts = {
        "result_id": result_id(result),
        "session": result.session,
        "seq": result.seq,
        "meas_id": text(meas_id),
        "part_id": text(result.part_id),
        "outcome": result.outcome.value,
        "reason_code": _counted(result.reason_code, UINT16_MAX),
        "reasons": [[text(reason.rule), text(reason.text)] for reason in result.reasons],
        "defects": _counted(result.defects),
        "top_class": _counted(result.top_class, UINT16_MAX),
        "top_score": _finite(result.top_score),
        "worst_size_um": _counted(result.worst_size_um),
        "latency_ms": _finite(result.latency_ms),
        "frame_age_ms": _finite(result.frame_age_ms),
        "model_id": text(result.model_id),
        "ruleset_id": text(result.ruleset_id),
        "recipe": _counted(result.recipe),
        "is_simulated": view.simulation,
        "at": result.at.isoformat(),
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def text(words: str) -> str:
    """What UTF-8 cannot carry, as in names of files that are none, becomes `?`."""
    return words.encode("utf-8", "replace").decode()


def _state(view: StationView) -> dict[str, object]:
    return dict(zip((variable.path for variable in STATE), (state_name(view.state), int(view.state)), strict=True))


def _status(view: StationView) -> dict[str, object]:
    return {
        "Status/Session": _counted(view.session),
        "Status/Online": view.online,
        "Status/Ready": view.ready,
        "Status/Triggered": view.triggered,
        "Status/Acquiring": view.acquiring,
        "Status/AcquisitionDone": view.acquired,
        "Status/Inspecting": view.inspecting,
        "Status/ResultValid": valid_result(view) is not None,
        "Status/MissedTrigger": view.missed_trigger,
        "Status/ResultOverrun": view.result_overrun,
        "Status/Warning": view.warning,
        "Status/FaultCode": _counted(view.fault_code, UINT16_MAX),
        "Status/ChallengeDue": view.challenge_due,
        "Status/Simulation": view.simulation,
        "Status/Degraded": view.degraded,
        "Status/StorageDegraded": view.storage_degraded,
        "Status/Drift": view.drift,
        "Status/Heartbeat": view.heartbeat & UINT16_MAX,
        "Status/PartId": text(view.part_id),
        "Status/Recipe": _counted(view.recipe),
        "Status/ModelId": text(view.model_id),
        "Status/RulesetId": text(view.ruleset_id),
    }


def _counters(view: StationView) -> dict[str, object]:
    counters = view.counters
    counts = (counters.passed, counters.failed, counters.errors, counters.missed)
    # A counter runs over as those of a PLC do; one that stood still would look like a dead line.
    return {variable.path: count & UINT32_MAX for variable, count in zip(COUNTERS, counts, strict=True)}


def _result(view: StationView, result: PartResult, meas_id: str) -> dict[str, object]:
    return {
        "Result/ResultId": result_id(result),
        "Result/Session": result.session,
        "Result/Seq": result.seq,
        "Result/MeasId": text(meas_id),
        "Result/PartId": text(result.part_id),
        "Result/Outcome": result.outcome.value,
        "Result/OutcomeCode": OUTCOME_CODES[result.outcome],
        "Result/ReasonCode": _counted(result.reason_code, UINT16_MAX),
        "Result/Reasons": text("\n".join(f"{reason.rule}: {reason.text}" for reason in result.reasons)),
        "Result/Defects": _counted(result.defects),
        "Result/TopClass": _counted(result.top_class, UINT16_MAX),
        "Result/TopScore": result.top_score,
        "Result/WorstSize": _counted(result.worst_size_um),
        "Result/Latency": result.latency_ms,
        "Result/FrameAge": result.frame_age_ms,
        "Result/ModelId": text(result.model_id),
        "Result/RulesetId": text(result.ruleset_id),
        "Result/Recipe": _counted(result.recipe),
        "Result/IsSimulated": view.simulation,
        "Result/ResultTime": result.at,
        SNAPSHOT: snapshot(view, result, meas_id),
    }


def _counted(number: int, most: int = UINT32_MAX) -> int:
    """A number that does not fit its type would end the subscription of every client: it stops at the end instead."""
    return min(max(number, 0), most)


def _finite(number: float) -> float | None:
    """JSON knows no NaN."""
    return number if math.isfinite(number) else None
