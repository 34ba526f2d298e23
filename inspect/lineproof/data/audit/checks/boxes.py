"""Boxes: degenerate, outside the image, listed twice; masks without a pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lineproof.core.boxes import box_iou
from lineproof.data.audit.finding import Code, Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import Box, RawDataset, RawRecord
from lineproof.data.formats.coco_schema import segment_mask

OUTSIDE_PX = 1.0  # rounding; importers clip it
SAME_BOX_IOU = 0.99  # rounding of a tool that wrote the box twice


def check_boxes(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Every box that cannot be trained on, and why."""
    for name, records in raw.records.items():
        size = image_size(raw, pixels, name)
        for record in records:
            fault = box_fault(record.xywh, size)
            if fault is not None:
                yield Finding(fault[0], fault[1], name, record.place)


def box_fault(xywh: Box | None, size_wh: tuple[int, int] | None) -> tuple[Code, str] | None:
    """What is wrong with a box, None when nothing is; `size_wh` None: its place is not judged."""
    if xywh is None:
        return Code.MALFORMED, "bbox is not four numbers"
    x, y, width, height = xywh
    told = f"box {x:g}, {y:g}, {width:g} × {height:g}"
    if not all(map(math.isfinite, xywh)):
        return Code.DEGENERATE, told
    if width <= 0 or height <= 0:
        return Code.DEGENERATE, f"{told}: {'inverted' if min(width, height) < 0 else 'no area'}"
    return None if size_wh is None else _outside(xywh, size_wh, told)


def _outside(xywh: Box, size_wh: tuple[int, int], told: str) -> tuple[Code, str] | None:
    x, y, width, height = xywh
    if x >= size_wh[0] or y >= size_wh[1] or x + width <= 0 or y + height <= 0:
        return Code.DEGENERATE, f"{told}: wholly outside {size_wh[0]}×{size_wh[1]}"
    beyond = max(-x, -y, x + width - size_wh[0], y + height - size_wh[1])
    if beyond > OUTSIDE_PX:
        return Code.OUTSIDE, f"{told}: {beyond:g} px beyond {size_wh[0]}×{size_wh[1]}"
    return None


def check_twice(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """The same box of the same class twice on one image."""
    del pixels
    for name, records in raw.records.items():
        for first, second in combinations(records, 2):
            if same_box(first, second):
                yield Finding(Code.TWICE, f"{second.class_name}, as {first.place}", name, second.place)


def same_box(a: RawRecord, b: RawRecord) -> bool:
    """One instance written twice: the class, and the box to a rounding error; masks, where both have one, alike."""
    if a.class_name != b.class_name or record_iou(a, b) < SAME_BOX_IOU:
        return False
    return not (a.segmentation and b.segmentation) or a.segmentation == b.segmentation


def record_iou(a: RawRecord, b: RawRecord) -> float:
    """Intersection over union of two boxes; 0 when one of them is none."""
    if box_fault(a.xywh, None) or box_fault(b.xywh, None):
        return 0.0
    return float(box_iou(_corners(a), _corners(b))[0, 0])


def check_masks(raw: RawDataset, pixels: Pixels) -> Iterator[Finding]:
    """Masks that cannot be read, or that mark nothing."""
    for name, records in raw.records.items():
        size = raw.sizes[name] or image_size(raw, pixels, name)
        for record in records:
            if record.segmentation in (None, []):
                if raw.settings.has_masks:
                    yield Finding(Code.MALFORMED, "no mask, but the dataset has masks", name, record.place)
                continue
            if size is None:
                continue
            try:
                mask = segment_mask(record.annotation(), size)
            except ValueError as error:
                yield Finding(Code.MALFORMED, f"segmentation: {_first_line(error)}", name, record.place)
                continue
            if mask is None or mask.area_px == 0:
                yield Finding(Code.EMPTY_MASK, "no pixel inside the image", name, record.place)


def image_size(raw: RawDataset, pixels: Pixels, name: str) -> tuple[int, int] | None:
    """Width and height that boxes refer to: as recorded, else of the pixels; None when neither is known."""
    facts = pixels.facts.get(name)
    return raw.sizes[name] or (facts.shown_wh if facts and facts.stored_wh != (0, 0) else None)


def _corners(record: RawRecord) -> NDArray[np.float32]:
    x, y, width, height = record.xywh or (0, 0, 0, 0)
    return np.array([[x, y, x + width, y + height]], np.float32)


def _first_line(error: ValueError) -> str:
    return str(error).splitlines()[0]
