"""Dataset to the folder ultralytics trains on: links to the images or tiles of them, fresh labels, and a fresh YAML."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from lineproof.adapt.outline import outline
from lineproof.adapt.recipe import TileRecipe
from lineproof.adapt.tile_images import cut_training, cut_validation
from lineproof.atomic import write_text
from lineproof.bundle.manifest import Task
from lineproof.bundle.tiles import tiles_suit
from lineproof.core import Sample
from lineproof.core.decode import check_header
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.errors import DatasetError, ImageError

# Suffixes ultralytics looks for; the decoders go by content, so any other name gets one of these.
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the trainer is given."""

    root: Path
    task: Task
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]

    @property
    def yaml(self) -> Path:
        """The dataset description; anyone can train on it with stock ultralytics too."""
        return self.root / "data.yaml"

    def images(self, split: str) -> Path:
        """The folder of one split's images."""
        return self.root / "images" / split


def choose_task(dataset: Dataset, asked: Task | None) -> Task:
    """What to train: as asked, else masks where the dataset has them; raises DatasetError for masks it has not."""
    if asked == "segment" and not dataset.has_masks:
        raise DatasetError(f"{dataset.root}: has no masks to learn", hint="train with --task detect, or import masks")
    return asked or ("segment" if dataset.has_masks else "detect")


def prepare_workspace(
    dataset: Dataset,
    task: Task,
    root: Path,
    *,
    tiles: TileRecipe | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Workspace:
    """Write the folder afresh; with `tiles`, of tiles instead of whole images, each in the split of its image.

    Raises:
        DatasetError: no training or validation images, nothing annotated, or an image that cannot be read; names it.
    """
    train, val = (tuple(samples_of(dataset, split)) for split in ("train", "val"))
    if all(sample.ok for sample in train):
        raise DatasetError(
            f"{dataset.root}: none of its {len(train)} training images shows a defect: nothing to learn from good parts alone",
            hint="annotate defects (`lineproof data next` says which images first), or split anew",
        )
    if tiles is not None and not tiles_suit(task):
        raise DatasetError(f"tiles are for boxes and masks, not for a model that can {task}", hint="drop `tiles`")
    workspace = Workspace(root, task, dataset.classes, train, val)
    shutil.rmtree(root, ignore_errors=True)
    try:
        if tiles is not None:
            for split in ("train", "val"):
                workspace.images(split).mkdir(parents=True)
            learnt = cut_training(train, tiles, workspace.images("train"), seed, say)
            checked = cut_validation(val, tiles, workspace.images("val"), say)
            workspace = replace(workspace, train=tuple(learnt), val=tuple(checked))
        for split, samples in (("train", workspace.train), ("val", workspace.val)):
            _write_split(workspace, split, samples)
        write_text(workspace.yaml, _description(workspace))
    except OSError as error:
        raise DatasetError(
            f"{root}: cannot be written ({error.strerror})", hint="make room, or another --out"
        ) from None
    return workspace


def _description(workspace: Workspace) -> str:
    """Written by us, so it has no `download:` key, which ultralytics would execute."""
    description = {
        "path": str(workspace.root.resolve()),
        "train": "images/train",
        "val": "images/val",
        "names": dict(enumerate(workspace.classes)),
    }
    return yaml.safe_dump(description, sort_keys=False, allow_unicode=True)


def _write_split(workspace: Workspace, split: str, samples: Iterable[Sample]) -> None:
    images, labels = workspace.images(split), workspace.root / "labels" / split
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True)
    for index, sample in enumerate(samples):
        suffix = sample.image.suffix.lower()
        stem = f"{index:06d}_{sample.image.stem}"
        if sample.image.parent == images:  # a tile, written there already
            stem = sample.image.stem
        else:
            _place(sample.image, images / (stem + (suffix if suffix in _SUFFIXES else ".png")))
        text = "\n".join(_rows(sample, workspace.task))
        (labels / f"{stem}.txt").write_text(text, "utf-8")  # inside a folder that is made afresh every time


def _place(image: Path, target: Path) -> None:
    """Link an image whose header is whole; pixels are read, and damage found, by the trainer."""
    try:
        check_header(image.read_bytes(), str(image))
    except OSError as error:
        raise DatasetError(f"{image}: cannot be read ({error.strerror})", hint="run `lineproof data check`") from None
    except ImageError as error:
        raise DatasetError(error.message, hint="run `lineproof data check --fix`") from None
    try:
        target.symlink_to(image.resolve())
    except OSError:  # Windows without the privilege, file systems without links
        _hard_link_or_copy(image, target)


def _hard_link_or_copy(image: Path, target: Path) -> None:
    try:
        os.link(image, target)
    except OSError:
        shutil.copyfile(image, target)


def _rows(sample: Sample, task: Task) -> list[str]:
    """Label rows: class, then the centre and size of the box or the polygon of the mask, as shares of the image."""
    size = np.array(sample.image_wh, np.float64)
    rows = []
    for index, class_id in enumerate(sample.truth.class_id):
        if task == "segment":
            masks = sample.truth.masks or ()
            points = outline(masks[index])
            values = np.clip(points / size, 0, 1).ravel() if len(points) >= 3 else np.zeros(0)
        else:
            low, high = np.clip(sample.truth.xyxy[index].reshape(2, 2).astype(np.float64) / size, 0, 1)
            values = np.concatenate([(low + high) / 2, high - low]) if (high > low).all() else np.zeros(0)
        if values.size:
            rows.append(f"{class_id} " + " ".join(f"{value:.8g}" for value in values))
    return rows
