"""One mask picture to instances: threshold, connected components, no specks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask
from lineproof.core.decode import read_image
from lineproof.data.formats.source import Instance, Labelled, Unlabelled
from lineproof.errors import DatasetError, ImageError

_EIGHT_NEIGHBOURS = 8  # a hair crack runs diagonally


def mask_instances(grey: NDArray[np.uint8], class_id: int, *, threshold: int, min_speck_px: int) -> list[Instance]:
    """Connected regions (8 neighbours) of pixels above the threshold, specks left out, from top to bottom."""
    binary = (grey > threshold).astype(np.uint8)
    regions, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=_EIGHT_NEIGHBOURS)
    instances = []
    for region in range(1, regions):
        x, y, width, height, area = (int(value) for value in stats[region])
        if area < min_speck_px:
            continue
        bitmap = labels[y : y + height, x : x + width] == region
        box = (float(x), float(y), float(x + width), float(y + height))
        instances.append(Instance(class_id, box, BoxMask(x, y, bitmap)))
    return instances


@dataclass(frozen=True, slots=True)
class MaskLabel:
    """A mask picture of one class; `empty_is_ok` says whether an empty one means a good part or a forgotten label."""

    path: Path
    class_id: int
    threshold: int
    min_speck_px: int
    empty_is_ok: bool

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """The truth in pixels; raises DatasetError for a mask of another size or one that is no 8-bit picture."""
        try:
            pixels = read_image(self.path)
        except ImageError as error:
            raise DatasetError(error.message, hint=error.hint) from None
        blue, green, red = pixels[..., 0], pixels[..., 1], pixels[..., 2]
        grey: NDArray[np.uint8] = np.maximum(np.maximum(blue, green), red)  # ten times faster than .max(axis=2)
        if grey.shape[::-1] != image_wh:
            raise DatasetError(
                f"{self.path}: mask of {grey.shape[1]}×{grey.shape[0]} for an image of {image_wh[0]}×{image_wh[1]}"
            )
        found = mask_instances(grey, self.class_id, threshold=self.threshold, min_speck_px=self.min_speck_px)
        if found:
            return Labelled.of(found)
        return self._empty(grey)

    def _empty(self, grey: NDArray[np.uint8]) -> Labelled | Unlabelled:
        """Nothing found: a good part only where black says so, and black it must be."""
        brightest, above = int(grey.max(initial=0)), int(np.count_nonzero(grey > self.threshold))
        if above:
            left = f"only {above} px above {self.threshold}, in specks under {self.min_speck_px} px"
            return Labelled.of([]) if self.empty_is_ok else Unlabelled(f"mask with {left}")
        if brightest:
            return Unlabelled(f"mask with nothing above {self.threshold}, its brightest pixel is {brightest}")
        return Labelled.of([]) if self.empty_is_ok else Unlabelled("empty mask in a defect folder")


@dataclass(frozen=True, slots=True)
class GoodLabel:
    """An image of a folder of good parts; a mask beside it must agree."""

    mask: Path | None
    threshold: int
    min_speck_px: int

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """No defect; raises DatasetError when the mask marks one."""
        if self.mask is not None:
            found = MaskLabel(self.mask, 0, self.threshold, self.min_speck_px, empty_is_ok=True).read(image_wh)
            if isinstance(found, Labelled) and len(found.truth):
                raise DatasetError(f"{self.mask}: marks a defect in a folder of good parts")
        return Labelled.of([])
