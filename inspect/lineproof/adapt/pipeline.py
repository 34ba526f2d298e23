"""The table of contents of training: annotated images in, a sealed bundle out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.bases import Start
from lineproof.adapt.begin import Wish, begin_run, gone_unless_begun, resume_run
from lineproof.adapt.curves import draw_curves
from lineproof.adapt.export_wish import ExportWish
from lineproof.adapt.finetune import finetune, read_metrics
from lineproof.adapt.network import read_safetensors
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder, RunRecord, check_same_data
from lineproof.adapt.sealing import Sealed, seal_run
from lineproof.adapt.workspace import Workspace, prepare_workspace
from lineproof.data.dataset import Dataset, open_dataset
from lineproof.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A run whose training came to its end; nothing of it is sealed."""

    folder: RunFolder
    network: BaseModel


@dataclass(frozen=True, slots=True)
class Trained:
    """A run that came to its end."""

    folder: RunFolder
    record: RunRecord
    sealed: Sealed


def train(data: Path | Dataset, out: Path, wish: Wish, progress: TrainProgress) -> Trained:
    """Adapt a base to a dataset, or to a view of one; Ctrl-C at any moment leaves a run that `resume` continues.

    Raises:
        InputError: dataset, recipe, base or device cannot be used; nothing is left behind.
        GateError: augmentation is not installed, training diverged, or the exported model decides otherwise.
    """
    dataset = _opened(data)
    return _sealed(learn(dataset, out, wish, progress), dataset, progress)


def resume(data: Path | Dataset, out: Path, device: str, progress: TrainProgress) -> Trained:
    """Go on with an interrupted run from its last finished epoch.

    Raises:
        InputError: there is no run, or its data changed since.
        GateError: as `train`.
    """
    dataset = _opened(data)
    return _sealed(learn_on(dataset, out, device, progress), dataset, progress, overwrite=True)


def learn(data: Path | Dataset, out: Path, wish: Wish, progress: TrainProgress) -> Learnt:
    """The training of `train` alone: what comes out is neither exported nor proven. Raises as `train`."""
    dataset = _opened(data)
    folder, start = begin_run(dataset, out, wish, progress)
    with gone_unless_begun(folder):
        return _learnt(folder, start, dataset, wish.device, progress)


def learn_on(data: Path | Dataset, out: Path, device: str, progress: TrainProgress) -> Learnt:
    """Go on with an interrupted `learn` or `train` as far as its training goes. Raises as `resume`."""
    dataset = _opened(data)
    folder, start = resume_run(dataset, out, progress)
    return _learnt(folder, start, dataset, device, progress)


def _opened(data: Path | Dataset) -> Dataset:
    return data if isinstance(data, Dataset) else open_dataset(data)


def _learnt(folder: RunFolder, start: Start, dataset: Dataset, device: str, progress: TrainProgress) -> Learnt:
    workspace = _workspace(dataset, folder, progress)
    return Learnt(folder, finetune(start, workspace, folder, progress, device=device))


def _sealed(learnt: Learnt, dataset: Dataset, progress: TrainProgress, *, overwrite: bool = False) -> Trained:
    folder = learnt.folder
    draw_curves(folder.curves, read_metrics(folder.metrics), folder.read().best_epoch)
    sealed = seal_run(folder, folder.bundle, learnt.network, dataset, progress, overwrite=overwrite)
    return Trained(folder, folder.read(), sealed)


def _workspace(dataset: Dataset, folder: RunFolder, progress: TrainProgress) -> Workspace:
    """What the trainer is given, as the run's record says."""
    record = folder.read()
    recipe = record.recipe
    return prepare_workspace(
        dataset, record.task, folder.workspace, tiles=recipe.tiles, seed=recipe.seed, say=progress.say
    )


def export(
    run: Path,
    out: Path,
    data: Path | None,
    progress: TrainProgress,
    wish: ExportWish | None = None,
    *,
    overwrite: bool = False,
) -> Trained:
    """Seal the best network of a run once more; `data` says where its dataset is now.

    Raises:
        InputError: no run, nothing trained yet, or another dataset.
        ParityError: the exported model decides otherwise than the trained one.
    """
    folder = RunFolder.existing(run)
    record = folder.read()
    if not folder.best.is_file():
        raise InputError(f"{run}: no epoch was finished yet", hint="go on with `lineproof train … --resume`")
    dataset = open_dataset(data or Path(record.dataset))
    check_same_data(record, dataset)
    network = read_safetensors(folder.best).network()
    sealed = seal_run(folder, out, network, dataset, progress, wish, overwrite=overwrite)
    return Trained(folder, folder.read(), sealed)
