"""One terminal answer as a message; `result.schema.json` beside this file is its contract."""

from __future__ import annotations

from lineproof.core.station import Outcome, PartResult
from lineproof.core.verdict import Reason
from lineproof.signals.messages.values import known, text_or_null, utc_text

SCHEMA = "lineproof/result/1"  # the number changes with any change of the fields
# A message stays below about 20 kB however many detections spoke; the record has all of them.
MAX_REASONS = 32
MAX_REASON_CHARS = 500
NO_CLASS = 0xFFFF


def result_message(result: PartResult, station: str) -> dict[str, object]:
    """The answer of `station` ("site/line/station"); (station, session, seq) is its key, for ever."""
    inspected = result.outcome not in (Outcome.ERROR, Outcome.MISSED)
    has_class = inspected and result.top_class != NO_CLASS
    return {
        "schema": SCHEMA,
        "station": text_or_null(station),
        "session": result.session,
        "seq": result.seq,
        "part_id": text_or_null(result.part_id),
        "outcome": result.outcome.value,
        "decision": result.outcome.decision.value,
        "reasons": [_reason(reason) for reason in result.reasons[:MAX_REASONS]],
        "reasons_omitted": max(0, len(result.reasons) - MAX_REASONS),
        "reason_code": result.reason_code or None,
        "defects": result.defects if inspected else None,
        "top_class": result.top_class if has_class else None,
        "top_score": known(result.top_score) if has_class else None,
        "worst_size_um": (result.worst_size_um or None) if inspected else None,
        "latency_ms": known(result.latency_ms),
        "frame_age_ms": known(result.frame_age_ms) if inspected else None,
        "model_id": text_or_null(result.model_id),
        "ruleset_id": text_or_null(result.ruleset_id),
        "recipe": result.recipe or None,
        "at": utc_text(result.at),
        "is_historical": False,
    }


def _reason(reason: Reason) -> dict[str, object]:
    return {
        "rule": text_or_null(reason.rule[:MAX_REASON_CHARS]),
        "text": text_or_null(reason.text[:MAX_REASON_CHARS]),
        "detection": reason.detection,
    }
