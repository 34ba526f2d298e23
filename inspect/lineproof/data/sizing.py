"""Which image size a dataset asks for: its narrowest defects must cover more than one cell of the network's finest grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core.tiles import LEAST_SIDE_PX, MAX_TILES, Tiling
from lineproof.data.dataset import Dataset
from lineproof.errors import DatasetError

# YOLOv8's finest map has one cell per 8 px of the input (stride 8, "P3/8"). A defect narrower than a cell shares it with
# good surface and is described by a corner of what the cell sees; in training its box has to be widened to reach any
# cell at all (ultralytics' TaskAlignedAssigner.select_candidates_in_gts does so).
CELL_PX = 8.0
# One and a half cells: wherever it lies, at least the better part of one cell is defect.
WANTED_PX = 12.0
SMALL_QUANTILE = 0.05
# Of the last few defects the narrowest may be narrower still; of the largest, the last ones may be larger.
LARGE_QUANTILE = 0.95
STEP, SMALLEST, LARGEST_WHOLE = 32, 160, 1280
# Enlarged more than this, an image shows no more than before; only the grid becomes finer.
MOST_ENLARGED = 2.0
TILE_INPUTS = (320, 416, 512, 640)
LEAST_OVERLAP, MOST_OVERLAP = 0.15, 0.5
_LEAST_TILES = 1.5  # along the longer side: of a frame hardly larger than a tile, two would show nearly the same


@dataclass(frozen=True, slots=True, eq=False)
class DefectSizes:
    """The sides of all annotated boxes, and the images they are in."""

    narrow_px: NDArray[np.float64]  # (n,) shorter side of each box, pixels of its image
    long_px: NDArray[np.float64]  # (n,) longer side
    image_wh: NDArray[np.int64]  # (n, 2) of the image of each box
    frame_wh: tuple[int, int]  # the median image: what the line will see

    def narrow_at(self, imgsz: int) -> float:
        """What the 5 % narrowest defects are no wider than when the whole image is letterboxed to `imgsz`, in px."""
        gain = imgsz / self.image_wh.max(axis=1)
        return float(np.quantile(self.narrow_px * gain, SMALL_QUANTILE))


@dataclass(frozen=True, slots=True)
class Speed:
    """What one run costs: `fixed_ms + ms_per_pixel × pixels of the input`, fitted to what was measured."""

    fixed_ms: float
    ms_per_pixel: float
    measured: tuple[tuple[int, float], ...]  # side of a square input, ms

    def ms(self, input_wh: tuple[int, int]) -> float:
        """One run of an input of this size."""
        return self.fixed_ms + self.ms_per_pixel * input_wh[0] * input_wh[1]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at a frame, and what it makes of the narrowest defects."""

    imgsz: int  # longer side of the network's input
    tiling: Tiling | None  # None: the whole frame at once
    tiles: int  # runs for one frame
    narrow_px: float  # of the 5 % narrowest defects, on the input
    ms: float | None  # for one frame; None: not measured

    @property
    def wide(self) -> bool:
        """Whether even these defects cover one and a half cells."""
        return self.narrow_px >= WANTED_PX - 0.01

    @property
    def fine(self) -> bool:
        """Whether they cover one cell: less is luck."""
        return self.narrow_px >= CELL_PX - 0.01

    def within(self, budget_ms: float | None) -> bool:
        """Whether it keeps a budget; what is not measured, or has no budget, does."""
        return self.ms is None or budget_ms is None or self.ms <= budget_ms


@dataclass(frozen=True, slots=True)
class Advice:
    """What to train with, and why."""

    frame_wh: tuple[int, int]
    defects: int
    narrow_px: float  # the 5 % narrowest, in image pixels
    chosen: Choice
    whole: Choice  # the smallest whole-frame size on which they cover one and a half cells, as far as one goes
    lean: Choice  # the smallest on which they cover one cell
    tiled: Choice | None  # tiles that show them as wide; None: the frame is hardly larger than a tile
    affordable: Choice | None  # the largest whole-frame size within the budget, when `chosen` is not
    budget_ms: float | None

    @property
    def holds(self) -> bool:
        """Whether what is recommended keeps the budget."""
        return self.chosen.within(self.budget_ms)


def defect_sizes(dataset: Dataset) -> DefectSizes:
    """Measure every box; raises DatasetError when nothing is annotated."""
    samples = [sample for sample in dataset.samples if len(sample.truth)]
    if not samples:
        raise DatasetError(f"{dataset.root}: no defect is annotated", hint="the size is chosen from the defects' boxes")
    sides = [(s.truth.xyxy[:, 2:] - s.truth.xyxy[:, :2]).astype(np.float64) for s in samples]
    every = np.concatenate(sides)
    whs = np.array([sample.image_wh for sample in dataset.samples])
    width, height = np.median(whs, axis=0).astype(int).tolist()
    return DefectSizes(
        every.min(axis=1),
        every.max(axis=1),
        np.concatenate([np.tile(np.array(s.image_wh), (len(s.truth), 1)) for s in samples]),
        (width, height),
    )


def fit_speed(measured: Sequence[tuple[int, float]]) -> Speed:
    """A line through measured times of square inputs `(side, ms)`: work grows with the pixels, a little stays the same.

    From one measurement alone the time is taken as proportional to the pixels.
    """
    pixels = np.array([side * side for side, _ in measured], np.float64)
    took = np.array([ms for _, ms in measured], np.float64)
    if len(measured) == 1:
        return Speed(0.0, float(took[0] / pixels[0]), tuple(measured))
    slope, fixed = np.polyfit(pixels, took, 1)
    if slope <= 0 or fixed < 0:  # noise: through the origin and the largest
        return Speed(0.0, float(took[-1] / pixels[-1]), tuple(measured))
    return Speed(float(fixed), float(slope), tuple(measured))


def advise(sizes: DefectSizes, speed: Speed | None = None, budget_ms: float | None = None) -> Advice:
    """The whole frame where it is fine enough and affordable, tiles where it is too large to be trained or run.

    Wanted are one and a half cells; one is taken when the frame cannot be enlarged further or the budget asks for it.

    Tiles show a network the same pixels as one large input, and those of the overlap twice: they save no work. They are
    for frames whose full size is beyond a network's input, and they make training cheap: only tiles with defects are learnt.
    """
    whole, lean = (_whole(sizes, _needed_imgsz(sizes, px), speed) for px in (WANTED_PX, CELL_PX))
    tiled = _tiled(sizes, speed)
    ways = [way for way in (whole, lean, tiled) if way is not None]
    fine = [way for way in ways if way.fine] or [max(ways, key=lambda way: way.narrow_px)]
    chosen = next((way for way in fine if way.within(budget_ms)), min(fine, key=lambda way: way.ms or 0.0))
    affordable = None if chosen.within(budget_ms) else _largest_within(sizes, speed, budget_ms)
    return Advice(
        sizes.frame_wh,
        len(sizes.narrow_px),
        float(np.quantile(sizes.narrow_px, SMALL_QUANTILE)),
        chosen,
        whole,
        lean,
        tiled,
        affordable,
        budget_ms,
    )


def _needed_imgsz(sizes: DefectSizes, wanted_px: float) -> int:
    """The smallest input in whole strides on which the narrow defects are so wide, within what makes sense."""
    needed = wanted_px / max(sizes.narrow_at(1), 1e-9)
    most = min(MOST_ENLARGED * max(sizes.frame_wh), LARGEST_WHOLE)
    return max(math.ceil(round(min(needed, most) / STEP, 6)) * STEP, SMALLEST)


def _whole(sizes: DefectSizes, imgsz: int, speed: Speed | None) -> Choice:
    return Choice(imgsz, None, 1, sizes.narrow_at(imgsz), speed.ms(_input_wh(sizes.frame_wh, imgsz)) if speed else None)


def _input_wh(frame_wh: tuple[int, int], imgsz: int) -> tuple[int, int]:
    """The input without border, in whole strides, as `export` makes it."""
    longer = max(frame_wh)
    width, height = (max(math.ceil(round(imgsz * side / longer) / STEP) * STEP, STEP) for side in frame_wh)
    return width, height


def _tiled(sizes: DefectSizes, speed: Speed | None) -> Choice | None:
    """Tiles enlarged so that the narrow defects are wide enough: the input that makes one frame cheapest."""
    narrow = float(np.quantile(sizes.narrow_px, SMALL_QUANTILE))
    gain = min(max(WANTED_PX / narrow, 0.25), MOST_ENLARGED)
    large = float(np.quantile(sizes.long_px, LARGE_QUANTILE))
    choices = []
    for imgsz in TILE_INPUTS:
        side = max(math.floor(imgsz / gain / 8) * 8, LEAST_SIDE_PX)
        if max(sizes.frame_wh) < _LEAST_TILES * side:
            continue
        overlap = round(min(max(1.1 * large / side, LEAST_OVERLAP), MOST_OVERLAP), 2)
        tiling = Tiling.of((side, side), overlap)
        across, down = tiling.counts(sizes.frame_wh)
        if across * down > MAX_TILES:
            continue
        ms = across * down * speed.ms((imgsz, imgsz)) if speed else None
        choices.append(Choice(imgsz, tiling, across * down, narrow * imgsz / side, ms))
    if not choices:
        return None
    return min(choices, key=lambda c: c.tiles * c.imgsz**2 if c.ms is None else c.ms)


def _largest_within(sizes: DefectSizes, speed: Speed | None, budget_ms: float | None) -> Choice | None:
    """The largest whole-frame input that keeps the budget."""
    for imgsz in range(LARGEST_WHOLE, SMALLEST - 1, -STEP):
        choice = _whole(sizes, imgsz, speed)
        if choice.ms is not None and choice.within(budget_ms):
            return choice
    return None
