"""From the numbers of a view to values of JSON: what is unknown is null, never 0 and never an empty text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime


def text_or_null(text: str) -> str | None:
    """The text, or None for ""; half a character, which no UTF-8 can carry, becomes "?"."""
    return text.encode("utf-8", "replace").decode() or None


def known(number: float) -> float | None:
    """A measured quantity above zero; None for 0 (not measured), a negative value, NaN and infinity."""
    return number if math.isfinite(number) and number > 0 else None


def utc_text(at: datetime) -> str | None:
    """RFC 3339 with milliseconds and `Z`; None for a time without a zone, which is no point in time."""
    if at.tzinfo is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(message: Mapping[str, object]) -> bytes:
    """Compact UTF-8 JSON (RFC 8259); raises ValueError for NaN and infinity, which JSON does not have."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def as_historical(payload: bytes) -> bytes:
    """The same message, marked: it is not sent when it happened, and may have been sent before."""
    return encode({**json.loads(payload), "is_historical": True})
