"""Whether a defect can still be seen after a transform: contrast to its surroundings, and fine structure, before and after.

Contrast is the contrast-to-noise ratio: the difference of the means of the defect and of a ring around it, over the
standard deviation in the ring. Textures (crazing, rolled-in scale) differ from their surroundings by structure and not
by grey, and a box holds much that is no defect: below CLEAR_CNR the share of the fine structure that is kept counts as
well – the correlation of the two images with everything coarser than DETAIL_PX taken off – and the better of the two
decides; below FAINT_CNR the fine structure alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask, Image, Sample
from lineproof.core.decode import read_image

F32 = NDArray[np.float32]
Bitmap = NDArray[np.bool_]
Mask = NDArray[np.uint8]  # 0 or 1

CLEAR_CNR = 1.0  # contrast as large as the noise around it: grey alone tells the defect
FAINT_CNR = 0.5  # less is chance: two parts of one texture differ by as much
# Five times the noise is seen for certain (A. Rose, Vision: Human and Electronic, 1973); to lose what is above costs nothing.
PLENTY_CNR = 5.0
DETAIL_PX = 2.0  # standard deviation of the blur that is taken off: structures up to some 5 px wide remain
LEAST_DETAIL = 1.5  # grey levels of fine structure that are more than the steps of 8 bits
GREY_STEP = 1.0  # noise is never taken for less than one grey level: 8 bits do not tell more
RING_PX = (3, 16)  # width of the ring: a quarter of the defect's size, within these


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a defect is in an image of the size it is trained at."""

    rows: slice
    columns: slice
    inside: Mask  # (h, w) of those rows and columns
    ring: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What can be seen of one defect in one channel of an image."""

    step: float  # mean inside minus mean of the ring, grey levels
    noise: float  # standard deviation in the ring, at least one grey level
    detail: F32  # (n,) fine structure inside

    @property
    def cnr(self) -> float:
        """The contrast-to-noise ratio, of either sign."""
        return self.step / self.noise


@dataclass(frozen=True, slots=True, eq=False)
class Defect:
    """A defect as it is before any transform."""

    class_id: int
    area_px: float
    short_side_px: float
    place: Place
    channel: int  # the one that shows it best
    before: Look


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An image at the size it is trained at, with its defects."""

    image: Image
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """One defect after a transform."""

    cnr: float
    share: float  # of what makes it visible; 1: as before, 0: gone


def view_of(sample: Sample, imgsz: int) -> View:
    """Read a sample at its training size (longer side `imgsz`); raises ImageError for a file that is none."""
    image = read_image(sample.image)
    height, width = image.shape[:2]
    scale = imgsz / max(height, width)
    size = (max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale)))
    how = cv2.INTER_LINEAR  # as the trainer does it
    small = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8).reshape(size[1], size[0], -1)
    boxes = sample.truth.xyxy * np.float32(scale)
    insides = [_inside(sample, row, boxes[row], size) for row in range(len(boxes))]
    every = np.zeros(small.shape[:2], np.bool_)
    for inside in insides:
        every |= inside.full(size)
    defects = []
    for row, inside in enumerate(insides):
        place = _place(inside, every)
        if place is not None:
            looks = [look(small, place, channel) for channel in range(_channels(small))]
            channel = max(range(len(looks)), key=lambda c: abs(looks[c].cnr))
            short = float(min(boxes[row][2] - boxes[row][0], boxes[row][3] - boxes[row][1]))
            class_id = int(sample.truth.class_id[row])
            defects.append(Defect(class_id, float(inside.area_px), short, place, channel, looks[channel]))
    return View(small, tuple(defects))


def _channels(image: Image) -> int:
    """How many differ: 1 for a mono camera, whose images come in three equal channels."""
    mono = all(np.array_equal(image[..., 0], image[..., channel]) for channel in range(1, image.shape[2]))
    return 1 if mono else int(image.shape[2])


def _inside(sample: Sample, row: int, box: F32, size: tuple[int, int]) -> BoxMask:
    """The pixels of one defect at the training size: of its mask, else of its box."""
    if sample.truth.masks is None:
        x0, y0 = (max(0, math.floor(float(v))) for v in box[:2])
        x1, y1 = min(size[0], math.ceil(float(box[2]))), min(size[1], math.ceil(float(box[3])))
        return BoxMask(x0, y0, np.ones((max(0, y1 - y0), max(0, x1 - x0)), np.bool_))
    full = sample.truth.masks[row].full(sample.image_wh).astype(np.float32)
    share = np.asarray(cv2.resize(full, size, interpolation=cv2.INTER_AREA))
    return BoxMask.from_full(share >= min(0.5, float(share.max()) or 1.0))  # a hair line never fills half a pixel


def _place(inside: BoxMask, every: Bitmap) -> Place | None:
    """A defect with its ring; None where it has no pixel, or nothing but defects around it."""
    if inside.area_px == 0:
        return None
    height, width = every.shape
    wide = int(np.clip(round(math.sqrt(inside.area_px) / 4), *RING_PX))
    x0, y0, x1, y1 = inside.xyxy
    left, top, right, bottom = max(0, x0 - wide), max(0, y0 - wide), min(width, x1 + wide), min(height, y1 + wide)
    full = inside.shift(-left, -top).full((right - left, bottom - top)).astype(np.uint8)
    clear = ~every[top:bottom, left:right]
    near = np.asarray(cv2.dilate(full, np.ones((2 * wide + 1, 2 * wide + 1), np.uint8))) > 0
    touching = np.asarray(cv2.dilate(full, np.ones((3, 3), np.uint8))) > 0  # masks end a pixel early
    ring = near & ~touching & clear
    if not ring.any():
        ring = clear  # a defect that fills its image: whatever is left
    return Place(slice(top, bottom), slice(left, right), full, ring.astype(np.uint8))


def look(image: Image, place: Place, channel: int) -> Look:
    """See one defect in one channel of an image `(H, W, C)`."""
    window = np.ascontiguousarray(image[place.rows, place.columns, channel])
    inside = float(cv2.mean(window, place.inside)[0])
    step, noise = 0.0, GREY_STEP
    if place.ring.any():
        mean, deviation = cv2.meanStdDev(window, mask=place.ring)
        step, noise = inside - float(mean[0, 0]), max(GREY_STEP, float(deviation[0, 0]))
    values = window.astype(np.float32)
    values -= cv2.GaussianBlur(values, (0, 0), DETAIL_PX)
    return Look(step, noise, values[place.inside > 0])


def compare(image: Image, defect: Defect, *, blurred: bool = False) -> Kept | None:
    """What is kept of a defect in a transformed image; None where it could not be seen to begin with.

    `blurred`: what came between is optics, before the sensor, whose noise gets no less by it.
    """
    before, after = defect.before, look(image, defect.place, defect.channel)
    noise = max(after.noise, before.noise) if blurred else after.noise
    step = after.step if before.step >= 0 else -after.step
    cnr, cnr_before = max(0.0, step) / noise, abs(before.cnr)  # dark that became bright is another defect
    if cnr_before >= CLEAR_CNR:
        return Kept(cnr, min(1.0, cnr / min(cnr_before, PLENTY_CNR)))
    detail = _detail_kept(before.detail, after.detail)
    if detail is None:
        return None
    return Kept(cnr, max(detail, min(1.0, cnr / cnr_before)) if cnr_before >= FAINT_CNR else detail)


def _detail_kept(before: F32, after: F32) -> float | None:
    """Correlation of fine structure, less what 8 bits cannot show; None where there was none."""
    spread = float(before.std())
    if len(before) < 2 or spread < LEAST_DETAIL:
        return None
    common = float(np.mean((before - before.mean()) * (after - after.mean())))
    return max(0.0, common) / (spread * math.hypot(float(after.std()), GREY_STEP / 2))
