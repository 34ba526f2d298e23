"""From an inspection to what a controller can use of it."""

from __future__ import annotations

from lineproof.core import Inspection
from lineproof.line.station.events import Finding

_NO_CLASS = 0xFFFF


def finding_of(inspection: Inspection, mm_per_px: float | None) -> Finding:
    """The decision with its reasons; defects are the detections that a reason names, each counted once.

    The size of a defect is the longer side of its box in µm; 0 where the scale is not known.
    """
    found = inspection.detections
    rows = sorted({reason.detection for reason in inspection.verdict.reasons if reason.detection is not None})
    if not rows:
        return Finding(inspection.decision, inspection.verdict.reasons)
    surest = max(rows, key=lambda row: float(found.score[row]))
    sides_px = (found.xyxy[rows, 2:] - found.xyxy[rows, :2]).max(axis=1)
    return Finding(
        decision=inspection.decision,
        reasons=inspection.verdict.reasons,
        defects=len(rows),
        top_class=int(found.class_id[surest]),
        top_score=float(found.score[surest]),
        worst_size_um=0 if mm_per_px is None else round(float(sides_px.max()) * mm_per_px * 1000),
    )
