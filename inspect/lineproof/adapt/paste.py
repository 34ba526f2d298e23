"""A defect of one image pasted onto another: feathered at its edge, as bright as its new surroundings, off other defects.

Pure functions on arrays; which images give and which take is decided in `donors`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.recipe import Orientation
from lineproof.core import BoxMask, Image
from lineproof.core.boxes import box_iou

Bitmap = NDArray[np.bool_]

FEATHER_PX = 3  # a mask drawn by hand is off by about so much; the pixels beyond it belong to the defect's edge
RING_PX = 4  # of surroundings kept around the feather: what brightness is matched by
BOX_CORE = 0.75  # share of a box, from its middle, that is pasted in full
ZOOM = 1.25  # a patch is resized by up to this factor, either way
MAX_IOU = 0.05  # with the box of a defect that is there already
# Surroundings that differ by more are another kind of place: background, a hole, a printed field.
MAX_SHIFT = 40.0  # grey levels
MAX_ROUGHER = 2.5  # times the standard deviation, either way, of at least SMOOTH
SMOOTH = 4.0  # grey levels: below, a surface is smooth, and how smooth makes no difference
TRIES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A defect cut out with a margin of surroundings."""

    pixels: Image  # (h, w, 3)
    alpha: NDArray[np.float32]  # (h, w) share of the patch: 1 on the defect, falling to 0
    mask: Bitmap  # (h, w) the defect
    ring: Bitmap  # (h, w) its surroundings: nothing is pasted there, no defect is there


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An image to paste onto, and where nothing may be pasted."""

    image: Image  # (H, W, 3)
    boxes: NDArray[np.float32]  # (n, 4) of the defects that are there
    taken: Bitmap  # (H, W) the pixels of those defects
    part: Bitmap | None = None  # (H, W) the part without background; None: all of the image


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """A new image and the defect that was added to it."""

    image: Image
    mask: BoxMask

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The bounds `(4,)` of the mask, right and bottom exclusive."""
        return np.array(self.mask.xyxy, np.float32)


def paste_defect(patch: Patch, target: Target, orientation: Orientation, rng: np.random.Generator) -> Pasted | None:
    """Turn, mirror and resize as the orientation allows, find a place, blend; None where there was no room.

    The target's own image is left as it is.
    """
    varied = resized(turned(patch, orientation, rng), ZOOM ** rng.uniform(-1, 1))
    inner = BoxMask.from_full(varied.mask)
    (height, width), (high, wide) = target.image.shape[:2], inner.bitmap.shape
    if inner.area_px == 0 or wide > width or high > height:
        return None
    for _ in range(TRIES):
        mask = BoxMask(int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1)), inner.bitmap)
        corner = (mask.x - inner.x, mask.y - inner.y)
        if _free(varied, mask, corner, target):
            image = _blend(varied, corner, target.image)
            if image is not None:
                return Pasted(image, mask)
    return None


def cut_mask(image: Image, mask: BoxMask, others: Bitmap | None = None) -> Patch | None:
    """The patch of a defect with a mask; None where it touches the frame, and so goes on outside, or has no surroundings.

    `others` `(H, W)` are pixels of other defects: neither pasted nor taken for surroundings.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = mask.xyxy
    if mask.area_px == 0 or x0 <= 0 or y0 <= 0 or x1 >= width or y1 >= height:
        return None
    left, top, right, bottom = _window(mask.xyxy, FEATHER_PX + RING_PX, (width, height))
    here = np.s_[top:bottom, left:right]
    full = mask.shift(-left, -top).full((right - left, bottom - top))
    distance = cv2.distanceTransform((~full).astype(np.uint8), cv2.DIST_L2, 3)
    alpha = np.clip(1 - distance / (FEATHER_PX + 1), 0, 1).astype(np.float32)
    clear = alpha == 0
    if others is not None:
        alpha[others[here] & ~full] = 0
        clear &= ~others[here]
    return Patch(image[here].copy(), alpha, full, clear) if clear.any() else None


def cut_box(image: Image, xyxy: NDArray[np.floating[Any]], others: Bitmap | None = None) -> Patch | None:
    """The patch of a defect known by its box: an ellipse with square shoulders, feathered inside the box.

    The bounds of its mask are the box in whole pixels; None where the box has no surroundings.
    """
    height, width = image.shape[:2]
    x0, y0 = (max(0, math.floor(float(v))) for v in xyxy[:2])
    x1, y1 = min(width, math.ceil(float(xyxy[2]))), min(height, math.ceil(float(xyxy[3])))
    if x1 <= x0 or y1 <= y0:
        return None
    left, top, right, bottom = _window((x0, y0, x1, y1), RING_PX, (width, height))
    here, box = np.s_[top:bottom, left:right], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    across = (np.arange(x0, x1) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (np.arange(y0, y1) + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    radius = np.add.outer(down**4, across**4) ** 0.25  # exponent 4: the corners of a diagonal scratch are in
    alpha = np.zeros((bottom - top, right - left), np.float32)
    full, clear = np.zeros(alpha.shape, np.bool_), np.ones(alpha.shape, np.bool_)
    alpha[box] = np.clip((1 - radius) / (1 - BOX_CORE), 0, 1)
    full[box], clear[box] = radius < 1, False
    if others is not None:
        clear &= ~others[here]
    return Patch(image[here].copy(), alpha, full, clear) if clear.any() else None


def _window(xyxy: tuple[int, int, int, int], margin: int, image_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box with a margin, cut to the image."""
    x0, y0, x1, y1 = xyxy
    width, height = image_wh
    return max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)


def turned(patch: Patch, orientation: Orientation, rng: np.random.Generator) -> Patch:
    """A quarter turn or mirror image that the part could show too; exact, no pixel is resampled."""
    if orientation == "fixed":
        return patch
    quarter = int(rng.integers(4)) if orientation == "free" else 0
    mirror = bool(rng.integers(2))

    def turn(array: NDArray[Any]) -> NDArray[Any]:
        rotated = np.rot90(array, quarter)
        return np.ascontiguousarray(rotated[:, ::-1] if mirror else rotated)

    return Patch(turn(patch.pixels), turn(patch.alpha), turn(patch.mask), turn(patch.ring))


def resized(patch: Patch, factor: float) -> Patch:
    """The patch at another scale, at least one pixel in size."""
    height, width = patch.mask.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size == (width, height):
        return patch

    def scale(array: NDArray[Any], how: int) -> NDArray[Any]:
        return np.asarray(cv2.resize(array, size, interpolation=how))

    mask = scale(patch.mask.astype(np.uint8), cv2.INTER_NEAREST_EXACT) > 0
    # Surroundings stay clear of what is pasted although that was interpolated and they were not.
    alpha = scale(patch.alpha, cv2.INTER_LINEAR)
    ring = (scale(patch.ring.astype(np.uint8), cv2.INTER_NEAREST_EXACT) > 0) & (alpha == 0) & ~mask
    return Patch(scale(patch.pixels, cv2.INTER_LINEAR), alpha, mask, ring)


def _free(patch: Patch, mask: BoxMask, corner: tuple[int, int], target: Target) -> bool:
    """Whether the place is on the part and off every defect."""
    box = np.array([mask.xyxy], np.float32)
    if len(target.boxes) and float(box_iou(box, target.boxes).max()) > MAX_IOU:
        return False
    here, there = _overlap(patch, corner, target.image)
    if target.taken[there][(patch.alpha[here] > 0) | patch.mask[here]].any():
        return False
    return target.part is None or bool(target.part[there][patch.mask[here]].all())


def _blend(patch: Patch, corner: tuple[int, int], image: Image) -> Image | None:
    """The image with the patch, shifted to the mean of its new surroundings; None where those are of another kind."""
    here, there = _overlap(patch, corner, image)
    ring = patch.ring[here]
    if not ring.any():
        return None
    new, old = image[there][ring], patch.pixels[here][ring]
    shift = new.mean(axis=0) - old.mean(axis=0)
    rougher = max(SMOOTH, float(new.std(axis=0).mean())) / max(SMOOTH, float(old.std(axis=0).mean()))
    if float(np.abs(shift).max()) > MAX_SHIFT or not 1 / MAX_ROUGHER <= rougher <= MAX_ROUGHER:
        return None
    alpha = patch.alpha[here][..., None]
    below = image[there].astype(np.float32)
    mixed = below + alpha * (patch.pixels[here] + shift.astype(np.float32) - below)
    out = image.copy()
    out[there] = np.where(alpha > 0, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), image[there])
    return out


def _overlap(patch: Patch, corner: tuple[int, int], image: Image) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of the patch that lie inside the image, and of the image below them."""
    (x, y), (high, wide) = corner, patch.mask.shape
    height, width = image.shape[:2]
    left, top, right, bottom = max(0, -x), max(0, -y), min(wide, width - x), min(high, height - y)
    return np.s_[top:bottom, left:right], np.s_[y + top : y + bottom, x + left : x + right]


def part_of(image: Image) -> Bitmap:
    """The part without its background `(H, W)`: what the corners flood is background where it is plain and plenty.

    A surface that fills the frame is all part.
    """
    height, width = image.shape[:2]
    small = np.asarray(cv2.resize(image, (max(2, width // 4), max(2, height // 4)), interpolation=cv2.INTER_AREA))
    high, wide = small.shape[:2]
    flood = np.zeros((high + 2, wide + 2), np.uint8)
    near = (6, 6, 6)  # grey levels between neighbours: a background has noise, a part has an edge
    for seed in ((0, 0), (wide - 1, 0), (0, high - 1), (wide - 1, high - 1)):
        if not flood[seed[1] + 1, seed[0] + 1]:
            cv2.floodFill(small, flood, seed, 0, near, near, 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8))
    background = flood[1:-1, 1:-1] > 0
    if not 0.05 <= float(background.mean()) <= 0.9 or float(small[background].std(axis=0).max()) > 12:
        return np.ones((height, width), np.bool_)
    whole = cv2.resize((~background).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole) > 0
