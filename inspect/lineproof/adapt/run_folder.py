"""A training run on disk: what lies where, and `run.json`, which says what it was trained from."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from lineproof import __version__
from lineproof.adapt.augment import Augmentation
from lineproof.adapt.recipe import Recipe
from lineproof.atomic import write_json
from lineproof.bundle.manifest import BaseWeights, Task
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError
from lineproof.settings import StrictModel


class RunRecord(StrictModel):
    """The content of `run.json`."""

    schema_version: Literal[1] = Field(default=1, description="of this file")
    lineproof: str = Field(default=__version__, description="version that started the run")
    started_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC), description="UTC")
    dataset: str = Field(description="folder the images came from")
    dataset_hash: str = Field(description="content hash of the dataset")
    split_hash: str = Field(description="which image is in which split")
    task: Task = Field(description="detect or segment")
    classes: tuple[str, ...] = Field(description="names by class id")
    architecture: str = Field(description="e.g. yolov8n-seg")
    class_width: int = Field(description="inner width of the class branch, taken over from the base")
    base_asked: str = Field(description="name or file the base was asked for by")
    base: BaseWeights | None = Field(description="the pretrained weights; none from scratch")
    augmentation: Augmentation = Field(description="the preset's content")
    recipe: Recipe = Field(description="how it is trained")
    precision: str = Field(default="", description="what convolutions were computed in")
    device: str = Field(default="", description="what it was trained on")
    status: Literal["training", "trained", "sealed"] = Field(default="training", description="how far it got")
    best_epoch: int = Field(default=0, description="the epoch that was kept, from 1")
    seconds: float = Field(default=0.0, description="spent in epochs, over all sittings")
    validation: dict[str, JsonValue] | None = Field(default=None, description="figures through the runtime engine")


class RunFolder:
    """Paths of a run, and its record."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record_file = root / "run.json"
        self.metrics = root / "metrics.jsonl"
        self.best = root / "best.safetensors"
        self.state = root / "state" / "last.pt"
        self.workspace = root / "workspace"
        self.scratch = root / "state" / "ultralytics"
        self.log = root / "train.log"
        self.curves = root / "curves.png"
        self.sheet = root / "validation.png"
        self.parity = root / "parity.json"
        self.bundle = root / "bundle"

    @classmethod
    def fresh(cls, root: Path) -> Self:
        """A new folder; raises InputError when something is there already."""
        if root.is_file() or (root.is_dir() and any(root.iterdir())):
            raise InputError(f"{root}: is there already", hint="go on with --resume, or choose another --out")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{root}: cannot be made ({error.strerror})", hint="choose another --out") from None
        return cls(root)

    @classmethod
    def existing(cls, root: Path) -> Self:
        """A folder with a run in it; raises InputError when there is none."""
        folder = cls(root)
        if not folder.record_file.is_file():
            raise InputError(f"{root}: no training run (no run.json)", hint="train into it first, without --resume")
        return folder

    def read(self) -> RunRecord:
        """The record; raises InputError when it is damaged."""
        try:
            data = self.record_file.read_bytes()
            content = json.loads(data)
            if isinstance(content, dict) and content.get("task") == "classify":
                raise InputError(
                    f"{self.root}: a fitted classifier, there is nothing to go on with or to export again",
                    hint=f"its bundle is {self.bundle}; fit it anew with `lineproof train … --task classify`",
                )
            return RunRecord.model_validate_json(data)
        except (OSError, ValidationError, json.JSONDecodeError) as error:
            what = str(error).splitlines()[0]
            raise InputError(f"{self.record_file}: not a run record ({what})", hint="train again") from None

    def write(self, record: RunRecord) -> None:
        """Replace the record."""
        write_json(self.record_file, record.model_dump(mode="json"))

    def update(self, **changes: object) -> RunRecord:
        """Replace some of its fields."""
        record = RunRecord.model_validate({**dict(self.read()), **changes})
        self.write(record)
        return record


def check_same_data(record: RunRecord, dataset: Dataset) -> None:
    """Raise InputError unless the dataset is the one the run began with."""
    if record.dataset_hash != dataset.content_hash or tuple(dataset.classes) != record.classes:
        raise InputError(
            f"{dataset.root}: not the data this run began with (content hash {dataset.content_hash[:12]}, "
            f"was {record.dataset_hash[:12]})",
            hint="images or annotations changed: start a new run with another --out",
        )
    if record.split_hash != split_hash(dataset):
        raise InputError(
            f"{dataset.root}: was split anew since this run began",
            hint="resuming would train on validation images: start a new run with another --out",
        )


def split_hash(dataset: Dataset) -> str:
    """One number for which image is in which split."""
    lines = sorted(f"{dataset.name_of(sample)}\t{sample.split}" for sample in dataset.samples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
