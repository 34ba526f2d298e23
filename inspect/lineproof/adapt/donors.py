"""Which defect goes onto which image: donors are the training images themselves, in ultralytics' form of labels.

All donors come from the dataset that the trainer made of the train split, so no pixel of a validation or test image
is ever seen in training. Two images of one part are in the same split; that one gives to the other leaks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.outline import outline
from lineproof.adapt.paste import (
    Bitmap,
    Pasted,
    Patch,
    Target,
    cut_box,
    cut_mask,
    part_of,
    paste_defect,
)
from lineproof.adapt.recipe import Orientation
from lineproof.core import BoxMask, Sample

Label = dict[str, Any]  # ultralytics: cls (n, 1), bboxes (n, 4) xywh as shares of the image, segments: a list of (k, 2)

SMALLEST_PX = 3.0  # shorter side of a donor at the size it is trained at: less is not seen as a defect
LARGEST_SHARE = 0.6  # of the image's side: a larger one finds no place
_DRAWS = 4  # donors tried for one image


@dataclass(frozen=True, slots=True)
class Donors:
    """The defects of a training set that can be pasted, by class: a rare class is pasted as often as a frequent one."""

    labels: Sequence[Label]
    load: Callable[[int], tuple[Any, ...]]  # index -> image at the size it is trained at, and more
    by_class: dict[int, list[tuple[int, int]]]  # class -> (image, row)
    orientation: Orientation
    with_masks: bool

    @classmethod
    def among(
        cls, labels: Sequence[Label], load: Callable[[int], tuple[Any, ...]], orientation: Orientation, imgsz: int
    ) -> Donors:
        """Every defect that is neither a speck nor fills its image."""
        by_class: dict[int, list[tuple[int, int]]] = {}
        for index, label in enumerate(labels):
            height, width = label["shape"]
            size_px = label["bboxes"][:, 2:] * np.array([width, height]) * imgsz / max(width, height)
            fits = (size_px.min(axis=1, initial=np.inf) >= SMALLEST_PX) & (
                label["bboxes"][:, 2:].max(axis=1, initial=0) <= LARGEST_SHARE
            )
            for row in np.flatnonzero(fits).tolist():
                by_class.setdefault(int(label["cls"][row, 0]), []).append((index, row))
        with_masks = any(len(label["segments"]) for label in labels)
        return cls(labels, load, dict(sorted(by_class.items())), orientation, with_masks)

    def paste_onto(self, label: Label, rng: np.random.Generator) -> Label:
        """The label with one defect more, its image a new one; the label as it is where nothing fitted."""
        if not self.by_class:
            return label
        image = label["img"]
        boxes, taken = defects_on(label, image.shape[1], image.shape[0])
        target = Target(image, boxes, taken, part_of(image))
        classes = list(self.by_class)
        for _ in range(_DRAWS):
            class_id = classes[int(rng.integers(len(classes)))]
            donors = self.by_class[class_id]
            patch = self.patch(*donors[int(rng.integers(len(donors)))])
            pasted = None if patch is None else paste_defect(patch, target, self.orientation, rng)
            if pasted is not None:
                return _added(label, class_id, pasted, with_masks=self.with_masks)
        return label

    def patch(self, index: int, row: int) -> Patch | None:
        """One defect cut out; None where it cannot be."""
        image, label = self.load(index)[0], self.labels[index]
        height, width = image.shape[:2]
        rest = [other for other in range(len(label["cls"])) if other != row]
        _, others = defects_on(_rows_of(label, rest), width, height)
        if self.with_masks:
            return cut_mask(image, _filled(label["segments"][row], width, height), others)
        return cut_box(image, _corners(label["bboxes"][row : row + 1], width, height)[0], others)


def label_of(sample: Sample, *, with_masks: bool) -> Label:
    """A sample as ultralytics reads it from a label file, without its image."""
    width, height = sample.image_wh
    size = np.array([width, height], np.float64)
    low, high = sample.truth.xyxy[:, :2] / size, sample.truth.xyxy[:, 2:] / size
    masks = (sample.truth.masks or ()) if with_masks else ()
    return {
        "shape": (height, width),
        "cls": sample.truth.class_id.reshape(-1, 1).astype(np.float32),
        "bboxes": np.concatenate([(low + high) / 2, high - low], axis=1).astype(np.float32),
        "segments": [(outline(mask) / size).astype(np.float32) for mask in masks],
    }


def defects_on(label: Label, width: int, height: int) -> tuple[NDArray[np.float32], Bitmap]:
    """Boxes `(n, 4)` in pixels and the pixels `(H, W)` of the defects of a label: of masks, else of boxes."""
    boxes = _corners(label["bboxes"], width, height)
    taken = np.zeros((height, width), np.bool_)
    if len(label["segments"]):
        for segment in label["segments"]:
            taken |= _filled(segment, width, height).full((width, height))
    else:
        for x0, y0, x1, y1 in np.round(boxes).astype(int).tolist():
            taken[y0:y1, x0:x1] = True
    return boxes, taken


def _rows_of(label: Label, rows: list[int]) -> Label:
    segments = label["segments"]
    return {"bboxes": label["bboxes"][rows], "segments": [segments[row] for row in rows] if len(segments) else []}


def _corners(xywh: NDArray[np.floating[Any]], width: int, height: int) -> NDArray[np.float32]:
    """Centre and size as shares of the image to corners in pixels."""
    centre, half = xywh[:, :2], xywh[:, 2:] / 2
    size = np.array([width, height, width, height], np.float64)
    return (np.concatenate([centre - half, centre + half], axis=1) * size).astype(np.float32)


def _filled(segment: NDArray[np.floating[Any]], width: int, height: int) -> BoxMask:
    """The pixels inside an outline given as shares of the image."""
    canvas = np.zeros((height, width), np.uint8)
    # Outlines run along pixel edges, OpenCV fills between pixel centres.
    points = np.round((segment * (width, height) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], 1, shift=4)
    return BoxMask.from_full(canvas)


def _added(label: Label, class_id: int, pasted: Pasted, *, with_masks: bool) -> Label:
    """The label with its new image and one more row."""
    height, width = pasted.image.shape[:2]
    size = np.array([width, height], np.float64)
    low, high = pasted.xyxy[:2] / size, pasted.xyxy[2:] / size
    box = np.concatenate([(low + high) / 2, high - low])[None]
    added = {
        **label,
        "img": pasted.image,
        "cls": np.concatenate([label["cls"].reshape(-1, 1), [[class_id]]]).astype(np.float32),
        "bboxes": np.concatenate([label["bboxes"].reshape(-1, 4), box]).astype(np.float32),
    }
    if with_masks:
        added["segments"] = [*label["segments"], (outline(pasted.mask) / size).astype(np.float32)]
    return added
