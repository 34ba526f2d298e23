"""What a trainer is asked to do, also in the words of ultralytics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.augment import Augmentation
from lineproof.adapt.device import Precision
from lineproof.adapt.progress import EpochRow
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.resume import TrainingState
from lineproof.adapt.workspace import Workspace
from lineproof.engine.spec import NMS_IOU


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
    on_begin: Callable[[int, int, int], None]  # epochs expected, epochs done, batches an epoch
    on_batch: Callable[[], None]
    # The state is None where it is not worth its writing; the model is the average, in evaluation mode.
    on_epoch: Callable[[EpochRow, TrainingState | None, BaseModel], None]
    on_say: Callable[[str], None]  # a remark of one line
    on_stop: Callable[[int], None]  # training ends before its time; the epoch that is kept


def stock_arguments(job: Job) -> dict[str, Any]:
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
        "epochs": 1,  # the length is ours
        "batch": recipe.batch,
        "nbs": recipe.nominal_batch,
        "workers": recipe.workers,
        "optimizer": recipe.optimiser,
        "lr0": recipe.lr0,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "augmentations": job.augmentation.build(),
        "mosaic": recipe.geometry.mosaic,
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
