"""Look only where parts are: the engine on one or more regions of the frame, at their full resolution, in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineproof.core import BoxMask, Detections, Image, StageTimes
from lineproof.engine.decode import Candidates
from lineproof.engine.nms import suppress
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import EngineError
from lineproof.settings import StrictModel


class Region(StrictModel):
    """A rectangle of the frame, in its pixels."""

    x: int = Field(ge=0, description="left edge, px")
    y: int = Field(ge=0, description="top edge, px")
    width: int = Field(ge=1, description="px")
    height: int = Field(ge=1, description="px")

    def cut(self, image: Image) -> Image:
        """That part of the image, without a copy; raises EngineError when it does not lie inside."""
        height, width = image.shape[:2]
        if self.x + self.width > width or self.y + self.height > height:
            raise EngineError(
                f"the region {self.width}×{self.height} at {self.x},{self.y} does not lie in the frame {width}×{height}",
                hint="correct `regions` in the line file, or the camera's resolution",
            )
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


class RegionEngine:
    """An engine that sees regions of the frame only; boxes and masks come back in frame pixels.

    Where regions overlap, boxes of one class that share more than the bundle's `nms_iou` are one.
    """

    def __init__(self, engine: OnnxEngine, regions: Sequence[Region]) -> None:
        """At least one region."""
        self.engine = engine
        self.regions = tuple(regions)
        self.classes = engine.classes
        self.provider = engine.provider
        self.input_wh = engine.input_wh
        self.fallback = engine.fallback

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Detections of the regions of an `(H, W, 3)` uint8 BGR image, in its own pixels, surest first."""
        answers = self.engine.detect_many([region.cut(image) for region in self.regions])
        times = answers[0][1] if self.engine.max_batch > 1 else _added([times for _, times in answers])
        placed = [_shifted(found, region) for (found, _), region in zip(answers, self.regions, strict=True)]
        return _merged(placed, self.engine.spec.nms_iou), times

    def heat(self, image: Image, most: int | None = None) -> dict[str, NDArray[np.float32]]:
        """A classifier's evidence `(H, W)` by class name, surest class first; 0 where no region looks."""
        found, _ = self.detect(image)
        maps = [self.engine.heat(region.cut(image)) for region in self.regions]

        def surest(name: str) -> tuple[float, float]:
            scores = found.score[found.class_id == self.classes.index(name)]
            return float(scores.max(initial=0.0)), max(float(by_class[name].max()) for by_class in maps)

        return {
            name: _pasted([by_class[name] for by_class in maps], self.regions, image.shape[:2])
            for name in sorted(self.classes, key=surest, reverse=True)[:most]
        }


def _pasted(maps: Sequence[NDArray[np.float32]], regions: Sequence[Region], hw: tuple[int, int]) -> NDArray[np.float32]:
    """Each region's map at its place; where they overlap, what speaks more."""
    canvas = np.full(hw, -np.inf, np.float32)
    for evidence, region in zip(maps, regions, strict=True):
        window = canvas[region.y : region.y + region.height, region.x : region.x + region.width]
        np.maximum(window, evidence, out=window)
    canvas[np.isneginf(canvas)] = 0
    return canvas


def _shifted(found: Detections, region: Region) -> Detections:
    offset = np.array([region.x, region.y] * 2, np.float32)
    masks = found.masks
    if masks is not None:
        masks = tuple(BoxMask(mask.x + region.x, mask.y + region.y, mask.bitmap) for mask in masks)
    return replace(found, xyxy=found.xyxy + offset, masks=masks)


def _merged(parts: Sequence[Detections], iou: float) -> Detections:
    if len(parts) == 1:
        return parts[0]
    xyxy = np.concatenate([part.xyxy for part in parts])
    score = np.concatenate([part.score for part in parts])
    class_id = np.concatenate([part.class_id for part in parts])
    rows = suppress(Candidates(xyxy, score, class_id.astype(np.intp), np.arange(len(score))), iou=iou, limit=len(score))
    masks = None
    if parts[0].masks is not None:
        every = [mask for part in parts for mask in part.masks or ()]
        masks = tuple(every[row] for row in rows)
    return Detections(xyxy[rows], score[rows], class_id[rows], masks)


def _added(times: Sequence[StageTimes]) -> StageTimes:
    return StageTimes(
        preprocess=sum(t.preprocess for t in times),
        infer=sum(t.infer for t in times),
        postprocess=sum(t.postprocess for t in times),
    )
