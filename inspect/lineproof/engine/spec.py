"""What an engine must know about its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lineproof.bundle.manifest import Manifest, OutputForm, Task
from lineproof.bundle.precisions import Precision
from lineproof.core.tiles import Tiling

# Two boxes of one class that share more than this are one defect. The trainer's usual 0.7 keeps twins of defects without
# sharp ends: on steel strip (361 images, two networks) mAP50 / mAP50-95 were 0.728 / 0.362 and 0.725 / 0.364 at 0.6, 0.735
# / 0.357 and 0.733 / 0.359 at 0.5, and with boxes averaged 0.741 / 0.372 and 0.746 / 0.373 at 0.5.
NMS_IOU = 0.5


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The model's contract: what goes in, what comes out, what is kept."""

    task: Task
    classes: tuple[str, ...]
    input_wh: tuple[int, int]  # of a dynamic model: the largest
    dynamic: bool = False
    channels: int = 3  # 1: a mono model, which sees the luminance
    outputs: OutputForm = "maps"
    strides: tuple[int, ...] = (8, 16, 32)
    precision: Precision = "fp32"
    pad_value: int = 114  # the grey ultralytics trains with
    score_floor: float = 0.05
    nms_iou: float = NMS_IOU
    averaged: bool = False  # a box lies where all those say that it stands for
    max_detections: int = 300
    heat: bool = False  # read a classifier's evidence, too: for a person who asks why, never on the line
    # The lowest score that can reject a part: losing a detection at or above it to `max_detections` is an error.
    decisive_score: float = 1.0
    tiles: Tiling | None = None  # cut frames into these, each letterboxed to the input

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The contract a bundle was sealed with."""
        return cls(
            task=manifest.task,
            classes=manifest.classes,
            input_wh=manifest.input_wh,
            dynamic=manifest.input.dynamic,
            channels=manifest.channels,
            outputs=manifest.outputs,
            strides=manifest.strides,
            precision=manifest.precision,
            pad_value=manifest.input.pad_value,
            score_floor=manifest.score_floor,
            nms_iou=manifest.nms_iou,
            averaged=manifest.boxes_averaged,
            max_detections=manifest.max_detections,
            decisive_score=min(threshold.review_score for threshold in manifest.thresholds.values()),
            tiles=None if manifest.tiles is None else manifest.tiles.tiling,
        )

    @property
    def file_outputs(self) -> tuple[str, ...]:
        """Every output of the model file."""
        return ("probabilities", "heat") if self.outputs == "probabilities+heat" else self.output_names

    @property
    def output_names(self) -> tuple[str, ...]:
        """The model's outputs in the order the engine reads them."""
        if self.task == "classify":
            return ("probabilities", "heat") if self.heat else ("probabilities",)
        if self.outputs == "rows":
            return ("boxes", "scores", "coefficients", "prototypes") if self.task == "segment" else ("boxes", "scores")
        if self.task == "detect":
            return tuple(f"{name}_{stride}" for stride in self.strides for name in ("sides", "logits"))
        kinds = ("sides", "logits", "coefficients")
        return (*(f"{name}_{stride}" for stride in self.strides for name in kinds), "prototypes")
