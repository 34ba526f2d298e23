"""Rows as a CSV file that a spreadsheet opens."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from lineproof import atomic
from lineproof.records.model import InspectionRow

COLUMNS = (
    "sequence",
    "inspection_id",
    "part_id",
    "view",
    "source_id",
    "decision",
    "reasons",
    "detections",
    "grabbed_at",
    "decode_ms",
    "wait_ms",
    "preprocess_ms",
    "infer_ms",
    "postprocess_ms",
    "judge_ms",
    "total_ms",
    "bundle_name",
    "bundle_digest",
    "line_digest",
    "provider",
    "origin",
    "note",
    "image_path",
    "image_sha256",
    "session",
    "seq",
    "outcome",
    "triggered_at",
    "exposed_at",
    "result_at",
    "gates",
    "position",
    "chain_sha256",
)
# A spreadsheet runs a cell that begins so as a formula; part ids come from bar codes and callers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_csv(rows: Iterable[InspectionRow], out: Path) -> int:
    """Write one line per row, all or nothing; returns how many. Raises OSError."""
    count = 0
    with atomic.replacing(out) as file:
        table = csv.writer(codecs.getwriter("utf-8")(file))
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow([_cell(row, name) for name in COLUMNS])
            count += 1
    return count


def _cell(row: InspectionRow, name: str) -> object:
    if name == "reasons":
        return _harmless("; ".join(f"{reason['rule']}: {reason['text']}" for reason in row.reasons))
    if name == "detections":
        return _harmless(" ".join(f"{found['class']}:{found['score']:.3f}" for found in row.detections))
    value = getattr(row, name)
    if name == "gates":
        return _harmless(" ".join(f"{gate}:{told}" for gate, told in (value or {}).items()))
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
