"""A station as a message; `state.schema.json` beside this file is its contract."""

from __future__ import annotations

from datetime import datetime

from lineproof.core.station import PartResult, StationView
from lineproof.signals.messages.values import text_or_null, utc_text

SCHEMA = "lineproof/state/1"  # the number changes with any change of the fields

_UNKNOWN = (
    "state", "state_name", "ready", "triggered", "acquiring", "acquired", "inspecting", "missed_trigger",
    "result_overrun", "warning", "fault_code", "challenge_due", "simulation", "degraded", "storage_degraded", "drift",
    "heartbeat", "part_id", "recipe", "model_id", "ruleset_id", "counters", "result", "at",
)  # fmt: skip


def state_message(view: StationView, at: datetime) -> dict[str, object]:
    """What the station showed at `at`; `result` is null unless one may be read."""
    counters = view.counters
    return {
        "schema": SCHEMA,
        "status": "online",
        "session": view.session,
        "state": view.state.value,
        "state_name": view.state.name,
        "ready": view.ready,
        "triggered": view.triggered,
        "acquiring": view.acquiring,
        "acquired": view.acquired,
        "inspecting": view.inspecting,
        "missed_trigger": view.missed_trigger,
        "result_overrun": view.result_overrun,
        "warning": view.warning,
        "fault_code": view.fault_code or None,
        "challenge_due": view.challenge_due,
        "simulation": view.simulation,
        "degraded": view.degraded,
        "storage_degraded": view.storage_degraded,
        "drift": view.drift,
        "heartbeat": view.heartbeat,
        "part_id": text_or_null(view.part_id),
        "recipe": view.recipe or None,
        "model_id": text_or_null(view.model_id),
        "ruleset_id": text_or_null(view.ruleset_id),
        "counters": {
            "passed": counters.passed,
            "failed": counters.failed,
            "errors": counters.errors,
            "missed": counters.missed,
        },
        "result": None if view.result is None else _brief(view.result),
        "at": utc_text(at),
        "is_historical": False,
    }


def offline_message(session: int | None) -> dict[str, object]:
    """Nothing is known of the station: the last will, and what is shown before the first view and after the end."""
    unknown: dict[str, object] = dict.fromkeys(_UNKNOWN)
    return {"schema": SCHEMA, "status": "offline", "session": session, **unknown, "is_historical": False}


def _brief(result: PartResult) -> dict[str, object]:
    """Enough to know which message on the topic of results has the rest."""
    return {
        "session": result.session,
        "seq": result.seq,
        "part_id": text_or_null(result.part_id),
        "outcome": result.outcome.value,
        "decision": result.outcome.decision.value,
    }
