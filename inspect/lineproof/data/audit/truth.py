"""The records of one image as truth that can be trained on, and what had to be done for it."""

from __future__ import annotations

import numpy as np

from lineproof.core import BoxMask, Detections
from lineproof.data.audit.change import Change
from lineproof.data.audit.checks.boxes import box_fault, same_box
from lineproof.data.audit.finding import Code
from lineproof.data.audit.placement import Placement
from lineproof.data.audit.raw import RawDataset, RawRecord
from lineproof.data.formats.coco_schema import segment_mask


def mend_truth(raw: RawDataset, name: str, placement: Placement) -> tuple[Detections, list[Change]]:
    """Good records laid on the pixels and clipped to them; the others dropped, each with its reason."""
    kept: list[tuple[RawRecord, BoxMask | None]] = []
    changes = []
    for record in raw.records.get(name, []):
        fault = _fault(raw, record, placement)
        twin = next((other for other, _ in kept if same_box(other, record)), None)
        if fault is None and twin is not None:
            fault = Code.TWICE, f"dropped: as {twin.place}"
        if fault is not None:
            changes.append(Change(fault[0], fault[1], name, record.place))
            continue
        if box_fault(record.xywh, placement.drawn_wh):
            changes.append(Change(Code.OUTSIDE, "clipped to the image", name, record.place))
        kept.append((record, _mask(record, placement)))
    masks = [mask for _, mask in kept if mask is not None]
    truth = Detections(
        np.array([placement.box(record.xywh) for record, _ in kept if record.xywh], np.float32).reshape(-1, 4),
        np.ones(len(kept), np.float32),
        np.array([raw.settings.classes.index(record.class_name) for record, _ in kept], np.int32),
        tuple(masks) if len(masks) == len(kept) else None,
    )
    return truth, changes


def _fault(raw: RawDataset, record: RawRecord, placement: Placement) -> tuple[Code, str] | None:
    """Why a record cannot be kept, and that it was dropped."""
    if record.class_name not in raw.settings.classes:
        return Code.UNKNOWN_CLASS, f"dropped: class {record.class_name!r}"
    fault = box_fault(record.xywh, placement.drawn_wh)
    if fault is not None and fault[0] is not Code.OUTSIDE:
        return fault[0], f"dropped: {fault[1]}"
    try:
        mask = _mask(record, placement)
    except ValueError:
        return Code.MALFORMED, "dropped: its segmentation cannot be read"
    if mask is not None and mask.area_px == 0:
        return Code.EMPTY_MASK, "dropped: no pixel"
    if mask is None and raw.settings.has_masks:
        return Code.MALFORMED, "dropped: no mask where all others have one"
    return None


def _mask(record: RawRecord, placement: Placement) -> BoxMask | None:
    """The mask of a record on the pixels; None where there is none. Raises ValueError."""
    mask = segment_mask(record.annotation(), placement.drawn_wh)
    return None if mask is None else placement.mask(mask)
