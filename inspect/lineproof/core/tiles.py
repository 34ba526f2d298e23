"""The one definition of tiles: training cuts its images with it, the line cuts its frames with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lineproof.core.boxes import F32, box_area
from lineproof.core.detections import Detections
from lineproof.core.frame import Image
from lineproof.core.masks import BoxMask
from lineproof.errors import InputError

# Of one frame. Tiles run in batches, so memory stays bounded; what is found on them, and the time they take, does not:
# 1,000 tiles of 320 px are 80 megapixels, and some ten seconds on two cores.
MAX_TILES = 1000
LEAST_SIDE_PX = 32  # the coarsest cell of a YOLO network: less than one of them is no picture
# Of a piece a network places the cut end a few pixels off the tile's edge; this near to it, a box is taken as cut by it.
EDGE_SHARE, LEAST_EDGE_PX = 0.03, 2.0


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A rectangle of the frame in whole pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.right - self.left, self.bottom - self.top

    @property
    def xyxy(self) -> F32:
        """The rectangle as a box `(4,)`."""
        return np.array([self.left, self.top, self.right, self.bottom], np.float32)

    def cut(self, image: Image) -> Image:
        """That part of the image `(h, w, 3)`, a view."""
        return image[self.top : self.bottom, self.left : self.right]

    def to_frame(self, found: Detections) -> Detections:
        """What was found on the tile, in the frame's pixels."""
        return found.shift(self.left, self.top)


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a frame is cut into tiles and what is found on them becomes one answer again.

    `join` is the least share of a cut piece that must lie in its continuation: in what both tiles see, or in a box that
    another tile sees whole.
    """

    slice_wh: tuple[int, int]  # pixels of the frame
    overlap_wh: tuple[int, int]  # pixels that two neighbours share
    join: float = 0.5

    def __post_init__(self) -> None:
        """Raise InputError for a tile that is no picture, an overlap of a whole tile or more, or a share that is none."""
        for side, overlap in zip(self.slice_wh, self.overlap_wh, strict=True):
            if side < LEAST_SIDE_PX:
                raise InputError(f"tiles of {side} px are too small", hint=f"{LEAST_SIDE_PX} px or more")
            if not 0 <= overlap < side:
                raise InputError(f"tiles of {side} px cannot overlap by {overlap} px", hint="0 up to less than a tile")
        if not 0 < self.join <= 1:
            raise InputError(f"join {self.join}: expected a share above 0, at most 1")

    @classmethod
    def of(cls, slice_wh: tuple[int, int], overlap: float, join: float = 0.5) -> Tiling:
        """By a share of the tile's sides instead of pixels; raises InputError unless it is at least 0 and below 1."""
        if not 0 <= overlap < 1:
            raise InputError(f"overlap {overlap:g}: expected a share of the tile, 0 up to less than 1")
        width, height = (min(round(side * overlap), side - 1) for side in slice_wh)
        return cls(slice_wh, (width, height), join)

    @property
    def edge_px(self) -> tuple[float, float]:
        """How near to a tile's edge (in x, in y) a box counts as cut by it."""
        width, height = (max(EDGE_SHARE * side, LEAST_EDGE_PX) for side in self.slice_wh)
        return width, height

    def counts(self, frame_wh: tuple[int, int]) -> tuple[int, int]:
        """Tiles side by side and one below the other."""
        across, down = (
            1 if length <= side else math.ceil((length - overlap) / (side - overlap))
            for length, side, overlap in zip(frame_wh, self.slice_wh, self.overlap_wh, strict=True)
        )
        return across, down

    def grid(self, frame_wh: tuple[int, int]) -> tuple[Tile, ...]:
        """Tiles that cover the frame, row by row; the last of each row and column is moved inwards, none leaves it.

        A frame that is smaller than a tile is one tile. Raises InputError for more than `MAX_TILES`.
        """
        return _grid(self, frame_wh)


@lru_cache(maxsize=64)  # a camera sends one size; a server's callers a few
def _grid(tiling: Tiling, frame_wh: tuple[int, int]) -> tuple[Tile, ...]:
    across, down = tiling.counts(frame_wh)
    if across * down > MAX_TILES:
        raise InputError(
            f"a frame of {frame_wh[0]}×{frame_wh[1]} would be {across * down} tiles of "
            f"{tiling.slice_wh[0]}×{tiling.slice_wh[1]}, at most {MAX_TILES}",
            hint="larger tiles, less overlap, or regions that leave out what is no part",
        )
    columns, rows = (
        tuple(_spans(length, side, overlap, count))
        for length, side, overlap, count in zip(
            frame_wh, tiling.slice_wh, tiling.overlap_wh, (across, down), strict=True
        )
    )
    return tuple(Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns)


def _spans(length: int, side: int, overlap: int, count: int) -> Iterator[tuple[int, int]]:
    """Where the tiles of one axis begin and end."""
    for index in range(count):
        start = max(min(index * (side - overlap), length - side), 0)
        yield start, min(start + side, length)


@dataclass(frozen=True, slots=True, eq=False)
class TileTruth:
    """What is annotated on one tile, in its own pixels."""

    tile: Tile
    truth: Detections
    slivers: int  # pieces too small to be told from what is good; such a tile is no example of a good one


def slice_boxes(truth: Detections, tile: Tile, visible_share: float) -> TileTruth:
    """The truth of a frame on one tile: boxes and masks clipped, small remainders left out.

    Kept is a piece of at least `visible_share` of what a tile can show of its defect: of its area, or for a defect that is
    larger than the tile of the largest piece that would fit. The box of a mask is that of its visible part.
    """
    pieces = _clipped(truth, tile)
    width, height = (truth.xyxy[:, 2:] - truth.xyxy[:, :2]).T
    showable = np.minimum(width, tile.wh[0]) * np.minimum(height, tile.wh[1])
    left = box_area(pieces)
    if truth.masks is None:
        visible = left > 0
        kept = visible & (left >= visible_share * showable)
        return TileTruth(tile, _moved(truth[kept], pieces[kept], None, tile), int((visible & ~kept).sum()))
    rows, masks, slivers = [], [], 0
    for row in np.flatnonzero(left > 0):
        mask = _clip_mask(truth.masks[row], tile)
        # Of a mask its own pixels count, in proportion to what a tile can show of the box.
        whole = truth.masks[row].area_px * float(showable[row]) / max(float(width[row] * height[row]), 1e-6)
        if mask.area_px and mask.area_px >= visible_share * whole:
            rows.append(int(row))
            masks.append(mask)
        else:
            slivers += bool(mask.area_px)
    boxes = np.array([mask.xyxy for mask in masks], np.float32).reshape(-1, 4)
    # A whole box stays as annotated: its mask may be drawn a little inside or outside.
    whole_box = (pieces[rows] == truth.xyxy[rows]).all(axis=1)
    boxes[whole_box] = pieces[rows][whole_box]
    return TileTruth(tile, _moved(truth[rows], boxes, tuple(masks), tile), slivers)


def _clipped(truth: Detections, tile: Tile) -> F32:
    low = np.array((tile.left, tile.top) * 2, np.float32)
    high = np.array((tile.right, tile.bottom) * 2, np.float32)
    pieces: F32 = np.minimum(np.maximum(truth.xyxy, low), high)
    return pieces


def _moved(kept: Detections, boxes: F32, masks: tuple[BoxMask, ...] | None, tile: Tile) -> Detections:
    """The clipped pieces with the classes and scores of their defects, in the tile's pixels."""
    placed = Detections(boxes, kept.score, kept.class_id, masks)
    return placed.shift(-tile.left, -tile.top)


def _clip_mask(mask: BoxMask, tile: Tile) -> BoxMask:
    """The part of a mask on the tile, in frame pixels, cropped to what is set."""
    x0, y0, x1, y1 = mask.xyxy
    left, top, right, bottom = max(x0, tile.left), max(y0, tile.top), min(x1, tile.right), min(y1, tile.bottom)
    if left >= right or top >= bottom:
        return BoxMask(0, 0, np.zeros((0, 0), np.bool_))
    bitmap: NDArray[np.bool_] = mask.bitmap[top - y0 : bottom - y0, left - x0 : right - x0]
    piece = BoxMask.from_full(bitmap)
    return piece.shift(left, top)
