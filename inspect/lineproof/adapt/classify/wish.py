"""What was asked for on the command line, and what is written down of a fitted run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from lineproof import __version__
from lineproof.adapt.classify.classifier import Head
from lineproof.bundle.manifest import BaseWeights
from lineproof.settings import StrictModel


@dataclass(frozen=True, slots=True)
class ClassifyWish:
    """Backbone, classifier and image size."""

    base: str = "auto"
    head: Head = "linear"
    one_class: bool = False  # every defect is the same one: OK or not
    imgsz: int | None = None  # pixels, both sides; None: what suits the backbone


class ClassifyRecord(StrictModel):
    """The content of a fitted run's `run.json`."""

    schema_version: Literal[1] = Field(default=1, description="of this file")
    lineproof: str = Field(default=__version__, description="version that fitted it")
    fitted_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC), description="UTC")
    task: Literal["classify"] = Field(default="classify", description="always classify")
    dataset: str = Field(description="folder the images came from")
    dataset_hash: str = Field(description="content hash of the dataset")
    classes: tuple[str, ...] = Field(description="names by class id")
    one_class: bool = Field(description="every defect of the dataset is the same one")
    base_asked: str = Field(description="name or file the backbone was asked for by")
    base: BaseWeights = Field(description="the frozen weights")
    random_weights: bool = Field(description="the backbone knows nothing: random weights were asked for")
    imgsz: int = Field(description="side of the input in pixels")
    pooling: str = Field(description="how maps became one vector")
    strides: tuple[int, ...] = Field(description="input pixels per cell of the maps")
    dimension: int = Field(description="features per image")
    head: Head = Field(description="the classifier")
    settings: dict[str, JsonValue] = Field(description="what was chosen for it, and which classes are calibrated")
    warnings: tuple[str, ...] = Field(description="what was said about the data")
    feature_seconds: float = Field(description="spent on features; next to nothing once they are cached")
    fit_seconds: float = Field(description="spent on choosing settings, fitting and calibrating")
    validation: dict[str, JsonValue] | None = Field(default=None, description="figures through the runtime engine")
