"""A network and a workspace to a trained network: epochs, metrics, best weights and a state to go on from."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from ultralytics.nn.tasks import BaseModel
from ultralytics.utils import LOGGER

from lineproof.adapt.bases import Start
from lineproof.adapt.device import choose_device, choose_precision
from lineproof.adapt.job import Job
from lineproof.adapt.network import read_safetensors, save_network
from lineproof.adapt.progress import EpochRow, TrainProgress
from lineproof.adapt.resume import TrainingState, load_state, save_state
from lineproof.adapt.run_folder import RunFolder, RunRecord
from lineproof.adapt.trainer import trainer_for
from lineproof.adapt.workspace import Workspace
from lineproof.atomic import write_text
from lineproof.errors import InputError


def finetune(
    start: Start,
    workspace: Workspace,
    folder: RunFolder,
    progress: TrainProgress,
    *,
    device: str = "auto",
) -> BaseModel:
    """Train as the folder's record says and return the best network; goes on from the folder's state where there is one.

    Writes metrics.jsonl, best.safetensors and the state whenever it was validated, or once a minute, each whole or not
    at all. Out of memory, it goes on from there with half the batch.

    Raises:
        InputError: the device is not there, the state is damaged, or memory does not suffice for one image.
        GateError: augmentation is not what was asked for, or training diverged.
    """
    state = load_state(folder.state) if folder.state.is_file() else None
    fresh = {key: tensor.clone() for key, tensor in start.network.state_dict().items()}
    while state is None or not state.finished:
        try:
            _train(start, workspace, folder.read(), folder, progress, device, state)
            break
        except (torch.OutOfMemoryError, MemoryError) as error:
            progress.say(_halve_batch(folder, error))
        start.network.load_state_dict(fresh)
        state = load_state(folder.state) if folder.state.is_file() else None
    return read_safetensors(folder.best).network()


def _halve_batch(folder: RunFolder, error: BaseException) -> str:
    """Go on with half the images at a time and the same steps of the optimiser; raises InputError at one image."""
    recipe = folder.read().recipe
    if recipe.batch == 1:
        raise InputError(
            f"not enough memory for one image of {recipe.imgsz} px",
            hint="train into another --out at a smaller --imgsz",
        ) from error
    folder.update(recipe=recipe.model_copy(update={"batch": recipe.batch // 2}))
    return f"warning: not enough memory for batches of {recipe.batch} images: going on with {recipe.batch // 2}"


def _train(
    start: Start,
    workspace: Workspace,
    record: RunRecord,
    folder: RunFolder,
    progress: TrainProgress,
    device: str,
    state: TrainingState | None,
) -> None:
    recipe = record.recipe
    place = choose_device(device)
    precision = choose_precision(recipe.precision, place)
    folder.update(device=str(place), precision=precision.name)
    keeper = _Keeper(start, folder, progress, state)
    job = Job(
        workspace=workspace,
        recipe=recipe,
        augmentation=record.augmentation,
        network=start.network,
        device=place,
        precision=precision,
        folder=folder.scratch,
        resumed=state,
        on_begin=progress.begin,
        on_batch=progress.batch,
        on_epoch=keeper.epoch,
        on_say=progress.say,
        on_stop=keeper.stop,
    )
    with _quiet(folder.log):
        trainer_for(job).train()


class _Keeper:
    """Writes what an epoch leaves behind; the state last, so that it never speaks of files that are not there."""

    def __init__(self, start: Start, folder: RunFolder, progress: TrainProgress, state: TrainingState | None) -> None:
        self._start = start
        self._folder = folder
        self._progress = progress
        self._rows = _read_rows(folder.metrics)[: state.epochs_done] if state else []
        self._seconds = folder.read().seconds
        self._state = state

    def epoch(self, row: EpochRow, state: TrainingState | None, average: BaseModel) -> None:
        """Keep one epoch; raises InputError when the disk refuses."""
        self._rows.append(json.dumps(row.as_dict()))
        self._seconds += row.train_s + row.val_s
        if state is not None:
            with _disk_named(self._folder.root):
                self._keep(row, state, average)
        self._progress.epoch(row)

    def _keep(self, row: EpochRow, state: TrainingState, average: BaseModel) -> None:
        write_text(self._folder.metrics, "\n".join(self._rows) + "\n")
        if state.best_epoch == row.epoch:
            facts = {"licence": "AGPL-3.0", "epoch": str(row.epoch)}
            save_network(self._folder.best, average, self._start.architecture, facts)
        save_state(self._folder.state, state)
        self._state = state
        status = "trained" if state.finished else "training"
        self._folder.update(best_epoch=state.best_epoch, seconds=round(self._seconds, 1), status=status)

    def stop(self, kept_epoch: int) -> None:
        """The run ends before its time, with the network of `kept_epoch`."""
        if self._state is not None:
            with _disk_named(self._folder.root):
                save_state(self._folder.state, replace(self._state, finished=True))
        self._folder.update(best_epoch=kept_epoch, status="trained")


def _read_rows(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def read_metrics(path: Path) -> list[EpochRow]:
    """The epochs of a run."""
    return [EpochRow(**json.loads(line)) for line in _read_rows(path)]


@contextmanager
def _disk_named(folder: Path) -> Iterator[None]:
    """A full disk in one line; the state of the epoch before is still whole."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})", hint="make room, then --resume") from error


@contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """Warnings of ultralytics and of Python go to a file, banners and tables go nowhere."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    python = logging.getLogger("py.warnings")
    before, level = LOGGER.handlers, LOGGER.level
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.WARNING)
    python.addHandler(handler)
    try:
        with warnings.catch_warnings():
            logging.captureWarnings(capture=True)
            yield
    finally:
        logging.captureWarnings(capture=False)
        python.removeHandler(handler)
        LOGGER.handlers = before
        LOGGER.setLevel(level)
        handler.close()
