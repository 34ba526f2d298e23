"""An Inspection as JSON bytes: written by hand, because validating our own numbers again costs more than judging them."""

from __future__ import annotations

import json

from lineproof.core import Detections, Inspection


def inspection_json(inspection: Inspection) -> bytes:
    """The document of DESIGN §8, UTF-8."""
    return json.dumps(inspection_document(inspection), ensure_ascii=False, separators=(",", ":")).encode()


def inspection_document(inspection: Inspection) -> dict[str, object]:
    """The same as a dict; its shape is `schemas.InspectionOut`."""
    times, source = inspection.times_ms, inspection.provenance
    return {
        "inspection_id": inspection.inspection_id,
        "part_id": inspection.part_id,
        "decision": inspection.decision.value,
        "reasons": [
            {"rule": reason.rule, "text": reason.text, "detection": reason.detection}
            for reason in inspection.verdict.reasons
        ],
        "detections": _rows(inspection.detections, inspection.classes),
        "timings_ms": {
            "decode": round(times.decode, 3),
            "preprocess": round(times.preprocess, 3),
            "infer": round(times.infer, 3),
            "postprocess": round(times.postprocess, 3),
            "judge": round(times.judge, 3),
            "total": round(times.total, 3),
        },
        "bundle": {"name": source.bundle_name, "digest": source.bundle_digest},
        "provider": source.provider,
        "model_input": list(source.model_input_wh),
        "image": list(inspection.image_wh),
    }


def _rows(detections: Detections, classes: tuple[str, ...]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "class": classes[class_id],
            "score": round(score, 6),  # as many digits as float32 has
            "box": [round(edge, 2) for edge in box],
            "area_px": round(area, 1),
        }
        for class_id, score, box, area in zip(
            detections.class_id.tolist(),
            detections.score.tolist(),
            detections.xyxy.tolist(),
            detections.area_px.tolist(),
            strict=True,
        )
    ]
    for row, mask in zip(rows, detections.masks or (), strict=False):
        row["polygon"] = [outline.tolist() for outline in mask.polygons()]
    return rows
