"""An inspection as the columns of its row, and the checksum over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC
from numbers import Real
from pathlib import Path

from lineproof.core import Inspection
from lineproof.records.chain import content_sha256
from lineproof.records.cycle import Cycle, Moment
from lineproof.records.images import StoredImage
from lineproof.records.model import HASHED, STATION

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Which run of the machine the monotonic clock belongs to; "" where the system does not say."""
    return _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.is_file() else ""


def row_of(
    inspection: Inspection, boot: str, image: StoredImage | None, note: str, cycle: Cycle | None = None
) -> dict[str, object]:
    """Every column of `InspectionRow` but `sequence` and the chain's; `image` is one that is already whole on the disk."""
    origin = inspection.provenance
    times = inspection.times_ms
    row: dict[str, object] = {
        "inspection_id": _text(inspection.inspection_id),
        "part_id": _text(inspection.part_id),
        "view": _text(inspection.view),
        "source_id": _text(inspection.source_id),
        "decision": inspection.decision.value,
        "reasons": _reasons(inspection),
        "detections": _detections(inspection),
        "grabbed_at": inspection.grabbed_at.astimezone(UTC),
        "grabbed_ns": inspection.grabbed_ns,
        "boot_id": boot,
        "decode_ms": _number(times.decode),
        "wait_ms": _number(times.wait),
        "preprocess_ms": _number(times.preprocess),
        "infer_ms": _number(times.infer),
        "postprocess_ms": _number(times.postprocess),
        "judge_ms": _number(times.judge),
        "total_ms": _number(times.total),
        "bundle_name": _text(origin.bundle_name),
        "bundle_digest": origin.bundle_digest,
        "line_digest": origin.line_digest,
        "provider": origin.provider,
        "model_width": origin.model_input_wh[0],
        "model_height": origin.model_input_wh[1],
        "image_width": inspection.image_wh[0],
        "image_height": inspection.image_wh[1],
        "image_sha256": image.sha256 if image else None,
        "image_bytes": image.size_bytes if image else None,
        "image_path": image.path if image else None,
        "image_removed_at": None,
        "origin": _text(inspection.origin),
        "note": _text(note),
        **_station(cycle),
    }
    row["row_sha256"] = row_sha256(row)
    return row


def row_sha256(row: Mapping[str, object], names: Sequence[str] = HASHED) -> str:
    """Checksum over the columns that never change after writing, the same before and after a round trip."""
    return content_sha256({name: row[name] for name in names})


def _station(cycle: Cycle | None) -> dict[str, object]:
    if cycle is None:
        return dict.fromkeys(STATION)
    return {
        "session": cycle.session,
        "seq": cycle.seq,
        "outcome": cycle.outcome.value,
        **_moment("triggered", cycle.triggered),
        **_moment("exposed", cycle.exposed),
        **_moment("result", cycle.result),
        "gates": {_text(name): _gate(value) for name, value in cycle.gates.items()},
    }


def _moment(name: str, moment: Moment | None) -> dict[str, object]:
    return {
        f"{name}_at": None if moment is None else moment.at.astimezone(UTC),
        f"{name}_ns": None if moment is None else moment.ns,
    }


def _gate(value: object) -> object:
    """A gate that measured no number tells None: 0 could be a value."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Real):  # numpy's numbers as well
        return _number(float(value), 6) if math.isfinite(value) else None
    return _text(str(value))


def _reasons(inspection: Inspection) -> list[dict[str, object]]:
    return [
        {"rule": _text(r.rule), "text": _text(r.text), "detection": r.detection} for r in inspection.verdict.reasons
    ]


def _detections(inspection: Inspection) -> list[dict[str, object]]:
    """All of them, so that other thresholds can be tried later; outlines only of those that a reason names."""
    found = inspection.detections
    named = {reason.detection for reason in inspection.verdict.reasons}
    rows: list[dict[str, object]] = []
    for index, (box, score, area) in enumerate(zip(found.xyxy, found.score, found.area_px, strict=True)):
        row: dict[str, object] = {
            "class": _text(inspection.classes[int(found.class_id[index])]),
            "score": _number(float(score), 6),
            "box": [_number(float(edge), 2) for edge in box],
            "area_px": _number(float(area), 1),
        }
        if found.masks is not None and index in named:
            outlines = found.masks[index].polygons()
            row["polygon"] = outlines[0].tolist() if outlines else []
        rows.append(row)
    return rows


def _number(value: float, digits: int = 3) -> float:
    """Rounded; 0 for what is no number, which JSON and SQL cannot hold."""
    return round(float(value), digits) if math.isfinite(value) else 0.0


def _text(value: str) -> str:
    """Text that every database takes: no NUL, no lone surrogate from an undecodable name."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
