"""What every format reader returns: images, each with a label that becomes truth once the image's size is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lineproof.core import BoxMask, Detections


@dataclass(frozen=True, slots=True)
class Instance:
    """One defect: its class id, its box `x1, y1, x2, y2` in pixels, its mask where the source has an outline."""

    class_id: int
    xyxy: tuple[float, float, float, float]
    mask: BoxMask | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The truth of an annotated image; none found means a good part. `outlined` counts the instances with an outline."""

    truth: Detections
    outlined: int

    @classmethod
    def of(cls, instances: Sequence[Instance]) -> Labelled:
        """Masks are kept when every instance has one."""
        masks = tuple(instance.mask for instance in instances if instance.mask is not None)
        truth = Detections(
            np.array([instance.xyxy for instance in instances], np.float32).reshape(-1, 4),
            np.ones(len(instances), np.float32),
            np.array([instance.class_id for instance in instances], np.int32),
            masks if len(masks) == len(instances) else None,
        )
        return cls(truth, len(masks))


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """An image nobody annotated – which is not the same as a good part – and why it is thought so."""

    reason: str


class Label(Protocol):
    """The annotation of one image, in the words of its format."""

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """The truth in pixels of an image of this size; raises DatasetError naming file and record."""


@dataclass(frozen=True, slots=True)
class NoLabel:
    """Stands where an image has no annotation."""

    reason: str

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """Unlabelled, whatever the size."""
        del image_wh
        return Unlabelled(self.reason)


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source with its label; `split` is "" where the source has none."""

    image: Path
    label: Label
    split: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything a reader found; class ids of the labels index `classes`."""

    format: str
    reason: str  # by what the format was recognised
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader may be told."""

    mask_threshold: int = 127  # a pixel above it belongs to a defect
    min_speck_px: int = 10  # smaller components of a mask are dropped
    classes: tuple[str, ...] = ()  # names for sources that have none
