"""ultralytics' trainer set up our way: which images it shows, in which order, how many, and what learns from them.

Kept from ultralytics: network, loss, datasets, augmentation, moving average, validation. Left out: files that it would
read, download or execute on the way; and what it would only log is refused.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.data.dataset import YOLODataset
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.augment import check_installed
from lineproof.adapt.images import TrainingImages
from lineproof.adapt.job import Job, stock_arguments
from lineproof.adapt.optimiser import build_optimiser
from lineproof.adapt.recipe import STRIDE
from lineproof.adapt.sampling import RepeatFactors
from lineproof.adapt.schedule import Schedule
from lineproof.errors import DatasetError


class Setup:
    """Mixed into a task's trainer, below a loop; class names avoid "Trainer", by which ultralytics attaches reporters."""

    args: Any
    data: dict[str, Any]
    model: Any
    ema: Any
    optimizer: Any
    scaler: Any
    train_loader: Any
    test_loader: Any
    schedule: Schedule

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(overrides=stock_arguments(job))  # type: ignore[call-arg]  # of the class mixed with
        self.callbacks: dict[str, list[Any]] = defaultdict(list)
        self.model = job.network

    def get_dataset(self) -> dict[str, Any]:
        """The facts it would read from a YAML file, and with it download or execute."""
        space = self.job.workspace
        return {
            "path": space.root,
            "train": str(space.images("train")),
            "val": str(space.images("val")),
            "names": dict(enumerate(space.classes)),
            "nc": len(space.classes),
            "channels": 3,
        }

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        """Square letterboxed images in training and validation, as the runtime engine sees them."""
        return TrainingImages(
            img_path=img_path,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train",
            hyp=self.args,
            rect=False,
            cache="ram" if self.job.recipe.cache else None,
            stride=STRIDE,
            pad=0.0,
            task=self.args.task,
            data=self.data,
            paste=self.job.recipe.paste if mode == "train" else 0.0,
            orientation=self.job.recipe.geometry.orientation,
        )

    def set_model_attributes(self) -> None:
        """Also the memory layout: before the moving average is copied from the model."""
        super().set_model_attributes()  # type: ignore[misc]
        self.model = self.model.to(memory_format=torch.channels_last)

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:  # noqa: ANN401
        """Ultralytics' loader, which draws images of rare classes more often when the recipe says so."""
        loader = super().get_dataloader(dataset_path, batch_size, rank, mode)  # type: ignore[misc]
        if mode == "train" and self.job.recipe.sampling == "rare_first":
            labels = [np.unique(label["cls"]).astype(int) for label in loader.dataset.labels]
            loader.batch_sampler.sampler.sampler = RepeatFactors(labels, loader.generator)
        return loader

    def build_optimizer(self, model: BaseModel, *_: object, **__: object) -> torch.optim.Optimizer:
        """One that knows the parts of the network."""
        return build_optimiser(model, self.job.recipe)

    def _steps_an_epoch(self) -> int:
        return math.ceil(len(self.train_loader) / self._accumulate())

    def _accumulate(self) -> int:
        """Batches a step of the optimiser."""
        recipe = self.job.recipe
        return min(max(round(recipe.nominal_batch / recipe.batch), 1), len(self.train_loader))

    def _steps_total(self) -> int:
        recipe = self.job.recipe
        return recipe.epochs * self._steps_an_epoch() if recipe.epochs else recipe.steps

    def _check_setup(self) -> None:
        """Refuse what ultralytics would only log: dropped images, missing augmentation."""
        space = self.job.workspace
        for split, loader, samples in (("train", self.train_loader, space.train), ("val", self.test_loader, space.val)):
            if len(loader.dataset) != len(samples):
                used = {Path(file).name for file in loader.dataset.im_files}
                lost = sorted(path.name for path in space.images(split).iterdir() if path.name not in used)
                raise DatasetError(
                    f"{space.images(split) / lost[0] if lost else split}: the trainer cannot read it "
                    f"({len(samples) - len(loader.dataset)} such images)",
                    hint="run `lineproof data check`",
                )
        check_installed(self.train_loader.dataset, self.job.augmentation)

    def _seed_epoch(self, epoch: int) -> None:
        """Each epoch draws from its own seed, whatever came before it."""
        seed = self.job.recipe.seed * 10_007 + epoch + 1
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what ultralytics draws from)
        torch.manual_seed(seed)  # albumentations takes its seed from here
        self.train_loader.generator.manual_seed(seed)
        if self.train_loader.num_workers == 0:  # worker processes live on: starting them anew can take seconds
            self.train_loader.reset()
        dataset = self.train_loader.dataset
        for index in dataset.buffer:  # images kept for mosaics when they do not all fit in memory
            dataset.ims[index] = None
        dataset.buffer.clear()

    def _close_mosaic_when_due(self) -> None:
        due = 1 - self.job.recipe.geometry.close_mosaic
        if self.schedule.progress >= due and self.train_loader.dataset.transforms is not self._closed:
            self._close_dataloader_mosaic()  # type: ignore[attr-defined]
            self.train_loader.reset()
            check_installed(self.train_loader.dataset, self.job.augmentation)  # the transforms were built anew
            self._closed = self.train_loader.dataset.transforms

    _closed: Any = None
