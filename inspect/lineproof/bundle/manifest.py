"""What is written in `manifest.json`: everything the line must know about a model, and the hash of every file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, ValidationError, model_validator

from lineproof import __version__
from lineproof.bundle.precisions import Precision, PrecisionRow
from lineproof.bundle.reduced_decoding import ReducedDecoding
from lineproof.bundle.tiles import TilesSpec, tiles_suit
from lineproof.core.threshold import Threshold
from lineproof.errors import BundleError
from lineproof.settings import StrictModel, first_problem

SCHEMA_VERSION: Final = 2  # the newest that this program reads
# What came with 2. Detectors are written as 1 all the same, so that older programs go on reading them; of a classifier
# they say that lineproof must be updated, not that the bundle is broken.
_CLASSIFIER_VERSION: Final = 2
MODEL = "model.onnx"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"  # in the words of sha256sum, so that `sha256sum -c` can check it by hand

Task = Literal["detect", "segment", "classify"]
Layout = Literal["uint8 BGR HWC", "uint8 GRAY HWC"]
OutputForm = Literal["maps", "rows", "probabilities", "probabilities+heat"]
CLASSIFIER_OUTPUTS: Final = ("probabilities", "probabilities+heat")
Score = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


def _stays_inside(name: str) -> str:
    """Refuse a file name that could lead out of the bundle or differs between operating systems."""
    if not _NAME.fullmatch(name) or len(name) > 200 or any(part.endswith(".") for part in name.split("/")):
        raise ValueError(f"{name!r} is not a plain relative file name")
    return name


def _whole_stride(side: int) -> int:
    if side % 32:
        raise ValueError(f"{side} is not a multiple of 32, the stride of the network")
    return side


FileName = Annotated[str, AfterValidator(_stays_inside)]
InputSide = Annotated[int, Field(ge=32, le=8192), AfterValidator(_whole_stride)]


class InputSpec(StrictModel):
    """The model's input: `(N, height, width, channels)` uint8, letterboxed; everything after that is in the graph."""

    width: InputSide = Field(description="pixels, a multiple of 32; the largest when dynamic")
    height: InputSide = Field(description="pixels, a multiple of 32; the largest when dynamic")
    dynamic: bool = Field(default=False, description="any multiple of 32 up to width × height is accepted")
    pad_value: int = Field(default=114, ge=0, le=255, description="grey of the letterbox border")
    layout: Layout = Field(default="uint8 BGR HWC", description="what the graph takes")


class ClassThreshold(StrictModel):
    """The operating point of one class."""

    score: Score = Field(description="sure from here on")
    review_score: Score = Field(description="from here up to `score` a person must look")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.review_score > self.score:
            raise ValueError(f"review_score {self.review_score} is above score {self.score}")
        return self


class ZoneThreshold(ClassThreshold):
    """The operating point of one class in one zone; only for a line that draws the zone the same."""

    polygon: tuple[tuple[float, float], ...] = Field(min_length=3, description="corners [x, y] in frame pixels")


class BaseWeights(StrictModel):
    """Where the network's knowledge came from, and under which licence."""

    name: str = Field(description="e.g. yolov8n")
    sha256: Sha256 = Field(description="of the weights file")
    licence: str = Field(description="e.g. AGPL-3.0")
    transferred: str = Field(default="", description="how many tensors came over: 'N of M'")


class DatasetCard(StrictModel):
    """The data the model was trained on and checked with."""

    name: str = Field(default="", description="name of the dataset's folder")
    content_hash: str = Field(description="of images, annotations and splits")
    counts: dict[str, int] = Field(default_factory=dict, description="images per split, instances per class, …")


class ParityReport(StrictModel):
    """The runtime engine beside the trained model, over every validation image."""

    images: int = Field(ge=0, description="images compared")
    matched: int = Field(ge=0, description="detections both sides agree on")
    unmatched_trained: int = Field(ge=0, description="found by the trained model alone, above the score floor")
    unmatched_runtime: int = Field(ge=0, description="found by the runtime engine alone, above the score floor")
    nms_ties: int = Field(default=0, ge=0, description="overlaps so near to nms_iou that either side may be right")
    max_box_difference_px: float = Field(ge=0, description="largest difference of a box edge, in frame pixels")
    max_score_difference: float = Field(ge=0, description="largest difference of a score")
    min_mask_iou: float | None = Field(default=None, description="worst agreement of two masks; none without masks")
    mean_mask_iou: float | None = Field(default=None, description="mean agreement of two masks")
    decision_flips: int = Field(ge=0, description="images whose decision differs")


class Manifest(StrictModel):
    """The whole content of `manifest.json`."""

    schema_version: Literal[1, 2] = Field(default=1, description="of this file: 2 for a classifier, else 1")
    name: str = Field(min_length=1, max_length=100, description="what people call this bundle")
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC), description="UTC")
    lineproof: str = Field(default=__version__, description="version that sealed it")
    task: Task = Field(description="detect: boxes; segment: boxes and masks; classify: whole images")
    classes: tuple[str, ...] = Field(min_length=1, description="names by class id")
    input: InputSpec = Field(description="what the model takes")
    tiles: TilesSpec | None = Field(
        default=None, description="frames are cut into tiles, each letterboxed to the input; none: the whole frame is"
    )
    outputs: OutputForm = Field(
        default="maps",
        description="maps: the head as it is, boxes decoded on the host; rows: the surest, decoded; "
        "probabilities: of a classifier, one per class; probabilities+heat: and where the evidence lies",
    )
    strides: tuple[int, ...] = Field(
        default=(8, 16, 32), description="input pixels per cell, per level; of a classifier none"
    )
    precision: Precision = Field(default="fp32", description="of the arithmetic that passed the parity gate")
    thresholds: dict[str, ClassThreshold] = Field(description="operating point by class name")
    zone_thresholds: dict[str, ZoneThreshold] = Field(
        default_factory=dict, description="by class@zone of the line it was proven for; default: none of their own"
    )
    score_floor: Score = Field(description="the engine keeps what is above; the rules decide")
    nms_iou: Score = Field(description="boxes of one class that overlap more are one; classifier: 1")
    boxes_averaged: bool = Field(
        default=False,
        description="a box lies where all say that overlap it more, by score and overlap; else the surest",
    )
    max_detections: int = Field(ge=1, le=10_000, description="the surest ones kept of one image; classifier: all")
    base: BaseWeights | None = Field(default=None, description="the pretrained weights")
    dataset: DatasetCard | None = Field(default=None, description="the training data")
    recipe: dict[str, JsonValue] = Field(default_factory=dict, description="how it was trained")
    libraries: dict[str, str] = Field(default_factory=dict, description="versions that trained and exported it")
    parity: ParityReport | None = Field(default=None, description="runtime engine against trained model")
    precisions: tuple[PrecisionRow, ...] = Field(
        default=(), description="what was tried when it was sealed, and chosen from"
    )
    reduced_decoding: tuple[ReducedDecoding, ...] = Field(
        default=(), description="JPEGs decoded smaller, as measured when it was sealed; empty: never"
    )
    evaluation: dict[str, JsonValue] | None = Field(default=None, description="figures on held-out images")
    files: dict[FileName, Sha256] = Field(default_factory=dict, description="sha256 of every other file")

    @model_validator(mode="before")
    @classmethod
    def _classifier_defaults(cls, given: object) -> object:
        """What only a detector needs may be left out for a classifier."""
        if not isinstance(given, Mapping) or given.get("task") != "classify":
            return given
        classes = given.get("classes")
        return {
            "schema_version": _CLASSIFIER_VERSION,
            "outputs": "probabilities",
            "strides": (),
            "nms_iou": 1.0,
            "max_detections": max(len(classes), 1) if isinstance(classes, list | tuple) else 1,
            **given,
        }

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.task == "classify":
            self._check_classifier()
        elif self.outputs in CLASSIFIER_OUTPUTS:
            raise ValueError(f"outputs: {self.outputs} are those of a classifier, the task is {self.task}")
        elif not self.strides:
            raise ValueError("strides: at least one")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: a name is given twice")
        if set(self.thresholds) != set(self.classes):
            odd = sorted(set(self.thresholds) ^ set(self.classes))
            raise ValueError(f"thresholds: must name exactly the classes; look at {odd[0]!r}")
        for name, threshold in {**self.thresholds, **self.zone_thresholds}.items():
            if threshold.review_score < self.score_floor:
                raise ValueError(f"thresholds.{name}: {threshold.review_score} is below score_floor {self.score_floor}")
        if len({name.casefold() for name in self.files}) != len(self.files):
            raise ValueError("files: two names differ only in case")
        return self

    @model_validator(mode="after")
    def _frames_suit(self) -> Self:
        if self.reductions and (self.task == "segment" or self.input.dynamic):
            raise ValueError("reduced_decoding: only for boxes, and an input of fixed size")
        if self.reductions and self.tiles is not None:
            raise ValueError("reduced_decoding: not with tiles, which are cut from the frame in full")
        if self.tiles is not None and not tiles_suit(self.task):
            raise ValueError(f"tiles: only for boxes and masks, not for a bundle that can {self.task}")
        return self

    def _check_classifier(self) -> None:
        """What belongs to boxes must say what is true of a classifier: no grid, nothing suppressed, no class lost."""
        if self.schema_version < _CLASSIFIER_VERSION:
            raise ValueError(f"schema_version: a classifier needs {_CLASSIFIER_VERSION}")
        if self.outputs not in CLASSIFIER_OUTPUTS:
            raise ValueError(f"outputs: of a classifier {' or '.join(CLASSIFIER_OUTPUTS)}, got {self.outputs}")
        if self.strides:
            raise ValueError("strides: a classifier has none")
        if self.nms_iou < 1:
            raise ValueError("nms_iou: a classifier suppresses nothing, give 1")
        if self.max_detections < len(self.classes):
            raise ValueError(f"max_detections: a classifier may give all {len(self.classes)} classes at once")

    @property
    def input_wh(self) -> tuple[int, int]:
        """Width and height of the model's input in pixels."""
        return self.input.width, self.input.height

    @property
    def channels(self) -> int:
        """Colour planes of the model's input."""
        return 1 if self.input.layout == "uint8 GRAY HWC" else 3

    @property
    def reductions(self) -> tuple[int, ...]:
        """How many times smaller a JPEG may be decoded; empty: never."""
        return tuple(row.reduction for row in self.reduced_decoding if row.allowed)

    @property
    def operating_point(self) -> dict[str, Threshold]:
        """The thresholds in the form the rules take."""
        return {name: Threshold(value.score, value.review_score) for name, value in self.thresholds.items()}

    def to_json(self) -> bytes:
        """The one way this manifest is written: keys in order, UTF-8, a newline at the end."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read a manifest; raises BundleError that names the first wrong field."""
    try:
        content = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise BundleError(f"{where}: {MANIFEST} is not valid JSON", hint="copy the bundle again") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleError(
            f"{where}: sealed in format {version}, this lineproof {__version__} reads {SCHEMA_VERSION}",
            hint="update lineproof on this machine",
        )
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise BundleError(f"{where}: {MANIFEST}: {first_problem(error)}", hint="export the bundle again") from None
