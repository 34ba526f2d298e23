"""An Inspection as JSON bytes: written by hand, because validating our own numbers again costs more than judging them."""

from __future__ import annotations

import json
from functools import lru_cache

from lineproof.core import Detections, Inspection

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# As many digits as float32 has for a score; a hundredth of a pixel. One format for a row takes a tenth of an encoder's time.
_ROW = '{"class":%s,"score":%.6f,"box":[%.2f,%.2f,%.2f,%.2f],"area_px":%.1f%s}'
_TIMES = '{"decode":%.3f,"preprocess":%.3f,"infer":%.3f,"postprocess":%.3f,"judge":%.3f,"total":%.3f}'


def inspection_json(inspection: Inspection) -> bytes:
    """The document of DESIGN §8, UTF-8; its shape is `schemas.InspectionOut`."""
    times, source = inspection.times_ms, inspection.provenance
    reasons = [
        {"rule": reason.rule, "text": reason.text, "detection": reason.detection}
        for reason in inspection.verdict.reasons
    ]
    clock = (times.decode, times.preprocess, times.infer, times.postprocess, times.judge, times.total)
    parts = (
        f'{{"inspection_id":"{inspection.inspection_id}"',
        f'"part_id":{_encode(inspection.part_id)}',
        f'"decision":"{inspection.decision.value}"',
        f'"reasons":{_encode(reasons) if reasons else "[]"}',
        f'"detections":[{",".join(_rows(inspection.detections, inspection.classes))}]',
        f'"timings_ms":{_TIMES % clock}',
        f'"bundle":{{"name":{_quoted(source.bundle_name)},"digest":"{source.bundle_digest}"}}',
        f'"provider":{_quoted(source.provider)}',
        f'"model_input":[{source.model_input_wh[0]},{source.model_input_wh[1]}]',
        f'"image":[{inspection.image_wh[0]},{inspection.image_wh[1]}]}}',
    )
    return ",".join(parts).encode()


def inspection_document(inspection: Inspection) -> dict[str, object]:
    """The same as a dict, for whoever adds to it."""
    document: dict[str, object] = json.loads(inspection_json(inspection))
    return document


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    """A JSON string; names come again and again."""
    return _encode(text)


def _rows(detections: Detections, classes: tuple[str, ...]) -> list[str]:
    outlines = [""] * len(detections)
    if detections.masks is not None:
        outlines = [
            f',"polygon":{_encode([outline.tolist() for outline in mask.polygons()])}' for mask in detections.masks
        ]
    return [
        _ROW % (_quoted(classes[class_id]), score, *box, area, outline)
        for class_id, score, box, area, outline in zip(
            detections.class_id.tolist(),
            detections.score.tolist(),
            detections.xyxy.tolist(),
            detections.area_px.tolist(),
            outlines,
            strict=True,
        )
    ]
