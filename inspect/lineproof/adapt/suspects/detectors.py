"""Detectors trained without the parts they are asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt import pipeline
from lineproof.adapt.begin import Wish
from lineproof.adapt.progress import TrainProgress
from lineproof.adapt.run_folder import RunFolder, check_same_data
from lineproof.bundle.open import open_bundle
from lineproof.core import Detections, Sample
from lineproof.data.dataset import Dataset
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import InputError
from lineproof.proof.evaluate import detect_all

LEAST_FOLDS = 3  # one to ask about, one to choose the best epoch on, one to learn from


def out_of_fold_detections(
    dataset: Dataset,
    samples: Sequence[Sample],
    fold_of: NDArray[np.int64],
    wish: Wish,
    out: Path,
    watched: Callable[[], AbstractContextManager[TrainProgress]],
) -> list[Detections]:
    """Detections of every sample, in order, by a detector that saw neither its fold nor chose its epoch on it.

    Runs lie in `out`, one folder a fold; a finished one is not trained again, an interrupted one goes on.

    Raises:
        InputError: fewer than three folds, or `out` holds runs of other data.
        DatasetError: a fold leaves no defect to learn from.
    """
    folds = int(fold_of.max()) + 1
    require_folds(folds)
    found: dict[int, Detections] = {}
    for fold in range(folds):
        with watched() as progress:
            progress.say(f"detector {fold + 1} of {folds}")
            view = replace(dataset, samples=tuple(_with_split(samples, fold_of, fold, folds)))
            folder = _trained(view, out / f"fold-{fold + 1}", wish, progress)
            asked = np.flatnonzero(fold_of == fold).tolist()
            progress.say(f"inspecting {len(asked)} images it has never seen")
            engine = OnnxEngine.open(open_bundle(folder.bundle), "cpu")
            found.update(zip(asked, detect_all(engine, [samples[i] for i in asked]), strict=True))
    return [found[i] for i in range(len(samples))]


def require_folds(folds: int) -> None:
    """Raise InputError for too few folds."""
    if folds < LEAST_FOLDS:
        raise InputError(f"{folds} folds are too few for detectors", hint=f"--folds {LEAST_FOLDS} or more")


def _with_split(samples: Sequence[Sample], fold_of: NDArray[np.int64], asked: int, folds: int) -> list[Sample]:
    """The fold asked about is `test`, the next one `val`, the rest `train`."""
    words = {asked: "test", (asked + 1) % folds: "val"}
    return [replace(s, split=words.get(int(fold), "train")) for s, fold in zip(samples, fold_of, strict=True)]


def _trained(view: Dataset, root: Path, wish: Wish, progress: TrainProgress) -> RunFolder:
    folder = RunFolder(root)
    if not folder.record_file.is_file():
        return pipeline.train(view, root, wish, progress).folder
    if folder.read().status != "sealed":
        return pipeline.resume(view, root, wish.device, progress).folder
    check_same_data(folder.read(), view)
    return folder
