"""ultralytics' trainer with a loop of our own: all processor cores, bf16, exact resume, no call to anywhere.

Kept from ultralytics: network, loss, optimiser groups, learning-rate schedule, moving average, datasets, augmentation,
validation. Replaced: the loop around them, which leaves one core idle, knows no bf16 on a CPU, saves the optimiser in
half precision, and reports to services.
"""

from __future__ import annotations

import math
import random
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from ultralytics.data.dataset import YOLODataset
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.augment import Augmentation, check_installed
from lineproof.adapt.device import Precision
from lineproof.adapt.images import TrainingImages
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.progress import EpochRow
from lineproof.adapt.recipe import STRIDE, Recipe
from lineproof.adapt.resume import TrainingState
from lineproof.adapt.workspace import Workspace
from lineproof.engine.spec import NMS_IOU
from lineproof.errors import DatasetError, GateError

AVERAGE_EPOCHS = 2  # span of the moving average of the weights


@dataclass(frozen=True, slots=True)
class Job:
    """What a trainer needs, and whom it tells."""

    workspace: Workspace
    recipe: Recipe
    augmentation: Augmentation
    network: BaseModel
    device: torch.device
    precision: Precision
    folder: Path  # for ultralytics' own files
    resumed: TrainingState | None
    on_begin: Callable[[int, int], None]  # epochs done, batches an epoch
    on_batch: Callable[[], None]
    on_epoch: Callable[[EpochRow, TrainingState, BaseModel], None]  # the model: the average, in evaluation mode


def trainer_for(job: Job) -> BaseTrainer:
    """The trainer of the job's task; `train()` runs it."""
    return (_SegmentLoop if job.workspace.task == "segment" else _DetectLoop)(job)


class _Loop:
    """Mixed into a task's trainer; the class names avoid "Trainer", by which ultralytics attaches its reporters."""

    args: Any
    data: dict[str, Any]
    model: Any
    ema: Any
    optimizer: Any
    scheduler: Any
    scaler: Any
    train_loader: Any
    test_loader: Any
    accumulate: int
    lf: Callable[[int], float]

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(overrides=_arguments(job))  # type: ignore[call-arg]  # of the class mixed with
        self.callbacks: dict[str, list[Any]] = defaultdict(list)
        self.model = job.network
        self._best_fitness, self._best_epoch = -1.0, 0

    # What ultralytics' setup asks for

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

    # The loop

    def _do_train(self) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(cpu_threads())
        try:
            self._setup_train()  # type: ignore[attr-defined]
            self._check_setup()
            self._average_over_epochs()
            self.scaler = torch.amp.GradScaler(enabled=self.job.precision.dtype is torch.float16)
            first = self._restore(self.job.resumed)
            self.job.on_begin(first, len(self.train_loader))
            for epoch in range(first, self.job.recipe.epochs):
                if self._run_epoch(epoch):
                    break
        finally:
            torch.set_num_threads(threads)

    def _run_epoch(self, epoch: int) -> bool:
        """Learn, validate, tell; True when training is over."""
        recipe = self.job.recipe
        started = time.monotonic()
        losses = self._learn(epoch)
        learnt = time.monotonic()
        metrics, fitness = {}, None
        last = epoch + 1 == recipe.epochs
        if last or (epoch + 1) % recipe.val_every == 0:
            metrics, fitness = self.validate()  # type: ignore[attr-defined]
            if fitness > self._best_fitness:
                self._best_fitness, self._best_epoch = float(fitness), epoch + 1
        finished = last or (fitness is not None and epoch + 1 - self._best_epoch >= recipe.patience)
        row = EpochRow(
            epoch=epoch + 1,
            epochs=recipe.epochs,
            losses=losses,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            train_s=round(learnt - started, 2),
            val_s=round(time.monotonic() - learnt, 2),
            map50=metrics.get("metrics/mAP50(B)"),
            map50_95=metrics.get("metrics/mAP50-95(B)"),
            mask_map50=metrics.get("metrics/mAP50(M)"),
            mask_map50_95=metrics.get("metrics/mAP50-95(M)"),
            fitness=None if fitness is None else float(fitness),
        )
        self.job.on_epoch(row, self._state(epoch + 1, finished=finished), self.ema.ema)
        return finished

    def _learn(self, epoch: int) -> dict[str, float]:
        """One pass over the training images; returns mean losses by name."""
        self.epoch = epoch
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before", UserWarning)
            self.scheduler.step()
        self._model_train()  # type: ignore[attr-defined]
        self._close_mosaic_when_due(epoch)
        self._seed_epoch(epoch)
        batches = len(self.train_loader)
        total: dict[str, Tensor] = {}
        waiting = 0
        for index, batch in enumerate(self.train_loader):
            self._warm_up(index + batches * epoch, batches, epoch)
            items = self._forward_backward(batch)
            total = {name: total.get(name, 0.0) + value for name, value in items.items()}
            waiting += 1
            # The last images of an epoch are never carried over to the next: resume starts from a clean slate.
            if waiting >= self.accumulate or index + 1 == batches:
                self.optimizer_step()  # type: ignore[attr-defined]
                waiting = 0
            self.job.on_batch()
        means = {name: float(value) / batches for name, value in total.items()}
        if not all(np.isfinite(value) for value in means.values()):
            raise GateError(f"training diverged in epoch {epoch + 1}: a loss is not a number", hint="lower lr0")
        self.ema.update_attr(self.model, include=["yaml", "nc", "args", "names", "stride", "class_weights"])
        return means

    def _forward_backward(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Gradients of one batch, added to those waiting; the loss is computed in float32, where boxes need it."""
        batch = self.preprocess_batch(batch)  # type: ignore[attr-defined]
        with self.job.precision.autocast():
            predictions = self.model(batch["img"].contiguous(memory_format=torch.channels_last))
        loss, items = self.model.loss(batch, _as_float(predictions))
        self.loss_items = items
        self.loss_names = tuple(items)
        self.loss = loss.sum()
        self.scaler.scale(self.loss).backward()
        return {name: value.detach().float() for name, value in items.items()}

    def _warm_up(self, step: int, batches: int, epoch: int) -> None:
        """Learning rate, momentum and accumulation rise to their values over the first steps, as ultralytics does it."""
        steps = self._get_warmup_iterations(batches)  # type: ignore[attr-defined]
        if not steps or step > steps:
            return
        nominal = max(round(self.job.recipe.nominal_batch / self.job.recipe.batch), 1)
        self.accumulate = max(1, round(float(np.interp(step, [0, steps], [1, min(nominal, batches)]))))
        for group in self.optimizer.param_groups:
            group["lr"] = float(np.interp(step, [0, steps], [0.0, group["initial_lr"] * self.lf(epoch)]))
            if "momentum" in group:
                group["momentum"] = float(np.interp(step, [0, steps], [0.8, self.job.recipe.momentum]))

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

    def _close_mosaic_when_due(self, epoch: int) -> None:
        due = max(self.job.recipe.epochs - self.job.recipe.geometry.close_mosaic, 0)
        if epoch >= due and self.train_loader.dataset.transforms is not self._closed:
            self._close_dataloader_mosaic()  # type: ignore[attr-defined]
            self.train_loader.reset()
            check_installed(self.train_loader.dataset, self.job.augmentation)  # the transforms were built anew
            self._closed = self.train_loader.dataset.transforms

    _closed: Any = None

    def _average_over_epochs(self) -> None:
        """The moving average spans AVERAGE_EPOCHS; ultralytics' own spans 10,000 steps and needs 2,000 to begin.

        A few hundred images make some 20 to 50 steps an epoch: with the stock constants the "average" of such a run is
        its last weights, and validation jumps from epoch to epoch.
        """
        nominal = max(round(self.job.recipe.nominal_batch / self.job.recipe.batch), 1)
        steps = math.ceil(len(self.train_loader) / nominal)
        span = min(AVERAGE_EPOCHS * steps, 10_000)
        self.ema.decay = lambda updates: (1 - 1 / span) * (1 - math.exp(-updates / span))

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

    def _state(self, epochs_done: int, *, finished: bool) -> TrainingState:
        return TrainingState(
            epochs_done=epochs_done,
            model=self.model.state_dict(),
            average=self.ema.ema.state_dict(),
            average_updates=self.ema.updates,
            optimiser=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            best_fitness=self._best_fitness,
            best_epoch=self._best_epoch,
            finished=finished,
        )

    def _restore(self, state: TrainingState | None) -> int:
        """Take over a state; returns the number of epochs done."""
        if state is None:
            return 0
        self.model.load_state_dict(state.model)
        self.ema.ema.load_state_dict(state.average)
        self.ema.updates = state.average_updates
        self.optimizer.load_state_dict(state.optimiser)
        if state.scaler:
            self.scaler.load_state_dict(state.scaler)
        self._best_fitness, self._best_epoch = state.best_fitness, state.best_epoch
        self.scheduler.last_epoch = state.epochs_done - 1
        return state.epochs_done


class _DetectLoop(_Loop, DetectionTrainer):  # type: ignore[misc]
    """Boxes."""


class _SegmentLoop(_Loop, SegmentationTrainer):  # type: ignore[misc]
    """Boxes and masks."""


def _as_float(value: Any) -> Any:  # noqa: ANN401 (a network's nested output)
    """Every tensor of a nested output in float32."""
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _as_float(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_as_float(part) for part in value)
    return value


def _arguments(job: Job) -> dict[str, Any]:
    """A recipe in ultralytics' words; everything it might do besides is switched off."""
    recipe = job.recipe
    return {
        "task": job.workspace.task,
        "model": "unused.yaml",  # the network is given as it is
        "data": str(job.workspace.yaml),
        "save_dir": str(job.folder),
        "device": "cpu"
        if job.device.type == "cpu"
        else job.device.type
        if job.device.type == "mps"
        else str(job.device.index),
        "imgsz": recipe.imgsz,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "nbs": recipe.nominal_batch,
        "workers": recipe.workers,
        "optimizer": recipe.optimiser,
        "lr0": recipe.lr0,
        "lrf": recipe.lrf,
        "cos_lr": recipe.schedule == "cosine",
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup_epochs,
        "freeze": recipe.frozen_layers or None,
        "augmentations": job.augmentation.build(),
        "mosaic": recipe.geometry.mosaic,
        "close_mosaic": recipe.geometry.close_mosaic,
        "mixup": recipe.geometry.mixup,
        "copy_paste": recipe.geometry.copy_paste,
        "degrees": recipe.geometry.degrees,
        "translate": recipe.geometry.translate,
        "scale": recipe.geometry.scale,
        "shear": recipe.geometry.shear,
        "fliplr": recipe.geometry.flip_left_right,
        "flipud": recipe.geometry.flip_up_down,
        "hsv_h": recipe.colour.hue,
        "hsv_s": recipe.colour.saturation,
        "hsv_v": recipe.colour.value,
        "box": recipe.loss.box,
        "cls": recipe.loss.classes,
        "dfl": recipe.loss.distribution,
        "cls_pw": recipe.loss.balance_classes,
        "mask_ratio": recipe.mask_ratio,
        "seed": recipe.seed,
        "iou": NMS_IOU,  # as the runtime engine
        "conf": 0.01,  # in validation; the default 0.001 spends more time on suppression than on the network
        "amp": False,  # precision is ours
        "deterministic": False,
        "cache": False,  # likewise
        "plots": False,
        "save": False,
        "verbose": False,
        "exist_ok": True,
    }
