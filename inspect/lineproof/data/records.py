"""Samples to COCO records and back; masks travel as run lengths, so that not a pixel changes."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lineproof.core import BoxMask, Detections, Sample
from lineproof.data.formats.coco_schema import CocoAnnotation, CocoFile, segment_mask
from lineproof.data.formats.rle import counts_to_string, mask_to_counts
from lineproof.errors import DatasetError


def coco_document(classes: tuple[str, ...], named: Iterable[tuple[str, Sample]]) -> dict[str, list[dict[str, Any]]]:
    """Standard COCO of named samples: category ids 1..n in class order, masks as compressed run lengths."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (name, sample) in enumerate(named, start=1):
        width, height = sample.image_wh
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for record in _annotations(sample):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **record})
    categories = [{"id": i, "name": name, "supercategory": "defect"} for i, name in enumerate(classes, start=1)]
    return {"categories": categories, "images": images, "annotations": annotations}


def dump_document(document: Mapping[str, list[dict[str, Any]]]) -> bytes:
    """JSON text with one record a line: a person can read it, and a difference shows the record."""
    parts = []
    for key, records in document.items():
        lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def truth_of(records: list[CocoAnnotation], class_of: Mapping[int | str, int], image_wh: tuple[int, int]) -> Detections:
    """The records of one image as Detections; raises ValueError for a record without box, or with a mask of another size."""
    masks = [segment_mask(record, image_wh) for record in records]
    return Detections(
        np.array([_corners(record) for record in records], np.float32).reshape(-1, 4),
        np.ones(len(records), np.float32),
        np.array([class_of[record.category_id] for record in records], np.int32),
        tuple(mask for mask in masks if mask is not None) if all(mask is not None for mask in masks) else None,
    )


def content_digest(classes: tuple[str, ...], images: Iterable[tuple[str, str, list[CocoAnnotation]]]) -> str:
    """Sha256 over classes and, in order of names, `(image name, sha256 of its bytes, its annotations)`."""
    digest = hashlib.sha256(json.dumps(list(classes)).encode())
    for name, image_sha256, records in sorted(images, key=lambda item: item[0]):
        digest.update(json.dumps([name, image_sha256]).encode())
        for record in records:
            digest.update(record.model_dump_json(include={"category_id", "bbox", "segmentation"}).encode())
    return f"sha256:{digest.hexdigest()}"


def records_by_image(document: CocoFile, where: str) -> defaultdict[int | str, list[CocoAnnotation]]:
    """Annotations by image id; raises DatasetError for one that points at no image or no class of the file `where`."""
    images = {image.id for image in document.images}
    classes = {category.id for category in document.categories}
    records: defaultdict[int | str, list[CocoAnnotation]] = defaultdict(list)
    for row, record in enumerate(document.annotations):
        if record.image_id not in images:
            raise DatasetError(f"{where}, annotations[{row}]: image_id {record.image_id} is no image of it")
        if record.category_id not in classes:
            raise DatasetError(f"{where}, annotations[{row}]: category_id {record.category_id} is no class")
        records[record.image_id].append(record)
    return records


def _annotations(sample: Sample) -> list[dict[str, Any]]:
    """The instances of one sample without their ids."""
    truth, records = sample.truth, []
    for row, (x1, y1, x2, y2) in enumerate(truth.xyxy.astype(np.float64).tolist()):
        mask = None if truth.masks is None else truth.masks[row]
        records.append(
            {
                "category_id": int(truth.class_id[row]) + 1,
                "bbox": [_number(x1), _number(y1), _number(x2 - x1), _number(y2 - y1)],
                "area": _number((x2 - x1) * (y2 - y1)) if mask is None else mask.area_px,
                "iscrowd": 0,
                "segmentation": [] if mask is None else _run_lengths(mask, sample.image_wh),
            }
        )
    return records


def _corners(record: CocoAnnotation) -> tuple[float, float, float, float]:
    if record.bbox is None:
        raise ValueError("an annotation without bbox")
    x, y, width, height = record.bbox
    return x, y, x + width, y + height


def _run_lengths(mask: BoxMask, image_wh: tuple[int, int]) -> dict[str, Any]:
    return {"size": [image_wh[1], image_wh[0]], "counts": counts_to_string(mask_to_counts(mask, image_wh))}


def _number(value: float) -> float | int:
    """Whole pixels without `.0`."""
    return int(value) if value.is_integer() else value
