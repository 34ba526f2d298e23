"""ultralytics' trainer with a loop of our own: all processor cores, bf16, exact resume, no call to anywhere.

Its own loop leaves one core idle, knows no bf16 on a CPU, saves the optimiser in half precision, and reports to services.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer

from lineproof.adapt.average import share_of_the_past
from lineproof.adapt.frozen_prefix import FrozenPrefix, frozen_layers, stands_still
from lineproof.adapt.groups import set_modes, set_trainable, trainable_text
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.job import Job
from lineproof.adapt.optimiser import set_rates
from lineproof.adapt.progress import EpochRow
from lineproof.adapt.resume import TrainingState
from lineproof.adapt.schedule import Schedule
from lineproof.adapt.trainer_setup import Setup
from lineproof.errors import GateError

KEEP_EVERY_S = 60.0  # a run that is killed loses no more than this, or one epoch
VALIDATING_SHARE = 0.05  # of a run that is counted in minutes


def trainer_for(job: Job) -> BaseTrainer:
    """The trainer of the job's task; `train()` runs it."""
    return (_SegmentLoop if job.workspace.task == "segment" else _DetectLoop)(job)


class _Loop(Setup):
    """Epochs of one run, from its first step or from where it was interrupted."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._best_fitness, self._best_epoch = -1.0, 0

    def _do_train(self) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(cpu_threads())
        try:
            self._setup_train()  # type: ignore[attr-defined]
            self._check_setup()
            self.ema.decay = share_of_the_past
            self.scaler = torch.amp.GradScaler(enabled=self.job.precision.dtype is torch.float16)
            self.schedule = Schedule(self.job.recipe, self._steps_total())
            done = self._restore(self.job.resumed)
            self.job.on_begin(self._epochs_expected(done), done, len(self.train_loader))
            self._enter_stage()
            while not self._run_epoch(done):
                done += 1
        finally:
            torch.set_num_threads(threads)

    def _epochs_expected(self, done: int) -> int:
        """Of the whole run; in a run of so many minutes an estimate, which has to wait for the first steps."""
        if self.job.recipe.minutes is None:
            return max(math.ceil(self._steps_total() / self._steps_an_epoch()), 1)
        return max(math.ceil(done / self.schedule.progress), done) if done else 1

    def _enter_stage(self) -> None:
        """Freeze and thaw as the stage says."""
        stage = self.schedule.stage
        set_trainable(self.model, stage.train)
        self.job.on_say(f"stage {stage.name}: learning {trainable_text(self.model, stage.train)}")
        frozen = 0 if stage.frozen_statistics else frozen_layers(self.model, stage.train)
        still = stands_still(self.job.recipe, self.job.augmentation)
        self._prefix = FrozenPrefix(self.model, frozen) if still and frozen else None

    def _next_stage_when_due(self) -> None:
        """Fresh moments and a fresh average: those of the stage before speak of other tensors."""
        if not self.schedule.stage_is_over():
            return
        self.schedule.next_stage()
        self.optimizer.state.clear()
        self.ema.updates = 0
        self.ema.ema.load_state_dict(self.model.state_dict())
        self._enter_stage()

    def _run_epoch(self, done: int) -> bool:
        """Learn, validate, tell; True when training is over."""
        started = time.monotonic()
        self._next_stage_when_due()
        before = self.schedule.progress
        losses = self._learn(done)
        learnt = time.monotonic()
        if not all(np.isfinite(value) for value in losses.values()):
            return self._diverged(done + 1)
        metrics, fitness = {}, None
        if self.schedule.finished or self._validation_is_due(before):
            metrics, fitness = self.validate()  # type: ignore[attr-defined]
            self.schedule.reserve_s = time.monotonic() - learnt
            self._validating_s += self.schedule.reserve_s
            self._judge(float(fitness), done + 1)
        finished = self.schedule.finished or self._patience_is_out()
        row = EpochRow(
            epoch=done + 1,
            epochs=done + 1 if finished else max(self._epochs_expected(done + 1), done + 2),
            losses=losses,
            learning_rate=float(max(group["lr"] for group in self.optimizer.param_groups)),
            train_s=round(learnt - started, 2),
            val_s=round(time.monotonic() - learnt, 2),
            map50=metrics.get("metrics/mAP50(B)"),
            map50_95=metrics.get("metrics/mAP50-95(B)"),
            mask_map50=metrics.get("metrics/mAP50(M)"),
            mask_map50_95=metrics.get("metrics/mAP50-95(M)"),
            fitness=None if fitness is None else float(fitness),
            stage=self.schedule.stage.name,
        )
        keep = finished or fitness is not None or time.monotonic() - self._kept_s > KEEP_EVERY_S
        self.job.on_epoch(row, self._state(done + 1, finished=finished) if keep else None, self.ema.ema)
        if keep:
            self._kept_s = time.monotonic()
        return finished

    def _validation_is_due(self, before: float) -> bool:
        """At even distances; where minutes are what there is, as long as learning gets most of them."""
        validations = self.job.recipe.validations
        due = math.floor(before * validations) < math.floor(self.schedule.progress * validations)
        if self.job.recipe.minutes is None:
            return due
        return due and self._validating_s <= VALIDATING_SHARE * self.schedule.elapsed_s

    def _judge(self, fitness: float, epoch: int) -> None:
        better = fitness > self._best_fitness
        if better:
            self._best_fitness, self._best_epoch = fitness, epoch
        self.schedule.judged(better=better)
        patience = self.schedule.stage.patience
        if patience is not None and self.schedule.validations_without_better >= patience:
            self.job.on_say(f"stage {self.schedule.stage.name}: no better for {patience} validations, ended")
            self.schedule.give_up_stage()

    def _patience_is_out(self) -> bool:
        patience = self.job.recipe.patience
        return patience is not None and self.schedule.validations_since_best >= patience

    def _diverged(self, epoch: int) -> bool:
        """Stop with the best network so far; refuse when there is none."""
        why = f"training diverged in epoch {epoch}: a loss is not a number"
        if self._best_epoch == 0:
            raise GateError(why, hint="lower lr0, or look for broken annotations with `lineproof data check`")
        self.job.on_say(f"warning: {why}; keeping epoch {self._best_epoch} (a lower lr0 would go on)")
        self.job.on_stop(self._best_epoch)
        return True

    def _learn(self, epoch: int) -> dict[str, float]:
        """One pass over the training images, or what is left of the run; returns mean losses by name."""
        self.epoch = epoch
        stage = self.schedule.stage
        set_modes(self.model, stage.train, statistics=stage.frozen_statistics)
        self._close_mosaic_when_due()
        self._seed_epoch(epoch)
        batches = len(self.train_loader)
        accumulate = self._accumulate()
        total: dict[str, Tensor] = {}
        seen = 0
        for batch in self.train_loader:
            items = self._forward_backward(batch)
            total = {name: total.get(name, 0.0) + value for name, value in items.items()}
            seen += 1
            # The last images of an epoch are never carried over to the next: resume starts from a clean slate.
            if seen % accumulate == 0 or seen == batches:
                self._step()
            self.job.on_batch()
            if self.schedule.finished:
                break
        self.ema.update_attr(self.model, include=["yaml", "nc", "args", "names", "stride", "class_weights"])
        return {name: float(value) / seen for name, value in total.items()}

    def _step(self) -> None:
        rate = self.schedule.rate() * self.job.recipe.lr0
        stage = self.schedule.stage
        set_rates(self.optimizer, {group: rate * stage.rate(group) for group in stage.train})
        self.optimizer_step()  # type: ignore[attr-defined]
        self.schedule.steps += 1

    def _forward_backward(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Gradients of one batch, added to those waiting; the loss is computed in float32, where boxes need it."""
        batch = self.preprocess_batch(batch)  # type: ignore[attr-defined]
        with self.job.precision.autocast():
            images = batch["img"].contiguous(memory_format=torch.channels_last)
            predictions = self.model(images) if self._prefix is None else self._prefix(images, batch["im_file"])
        loss, items = self.model.loss(batch, _as_float(predictions))
        self.loss_items = items
        self.loss_names = tuple(items)
        self.loss = loss.sum()
        self.scaler.scale(self.loss).backward()
        return {name: value.detach().float() for name, value in items.items()}

    _prefix: FrozenPrefix | None = None
    _kept_s: float = 0.0
    _validating_s: float = 0.0

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
            schedule=self.schedule.as_dict(),
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
        self.schedule.take_over(state.schedule)
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
