"""What a classifier that never saw a part thinks of the boxes on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lineproof.adapt.features import Backbone
from lineproof.core import Image, Sample
from lineproof.core.decode import read_image
from lineproof.data.suspects.crops import crop_with_context

_AT_ONCE = 64  # crops in memory
# Inverse of the penalty. NEU-DET with 3 % of its 4189 boxes given another class, features of lineproof-n at 128 px: of
# the 125 wrong ones, 0.003 puts 88 among the first 125 of the list, 0.01 puts 97, 0.05 puts 104.
_C = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """Out-of-fold probabilities of every annotated box."""

    boxes: list[tuple[Sample, int]]  # sample and row of its truth
    probabilities: NDArray[np.float64]  # (n, classes); rows that were not judged are 0
    judged: NDArray[np.bool_]  # (n,) its class was among what the fold was taught


def box_features(
    samples: Sequence[Sample], backbone: Backbone, advance: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """`(boxes, d + 2)`: features of every annotated box with its surroundings, and the logarithms of its sides in px.

    `advance` is called once for each sample. Raises ImageError for an image that cannot be read.
    """
    rows: list[NDArray[np.float32]] = []
    for crops in _batches(_crops(samples, advance)):
        rows.append(backbone.pooled(crops))  # noqa: PERF401 (a comprehension would hide the order of the work)
    seen = np.concatenate(rows) if rows else np.zeros((0, backbone.dimension), np.float32)
    xyxy = np.concatenate([sample.truth.xyxy for sample in samples])
    sides = np.log(np.maximum(xyxy[:, 2:] - xyxy[:, :2], 1))
    return np.concatenate([seen, sides], axis=1).astype(np.float32)


def out_of_fold(
    samples: Sequence[Sample],
    features: NDArray[np.float32],
    fold_of: NDArray[np.int64],
    classes: int,
    advance: Callable[[], None] = lambda: None,
) -> Opinions:
    """Teach on all folds but one, ask about that one; `features` belong to the boxes in order of the samples."""
    boxes = [(sample, row) for sample in samples for row in range(len(sample.truth))]
    labels = np.array([sample.truth.class_id[row] for sample, row in boxes], np.int64)
    folds = np.repeat(fold_of, [len(sample.truth) for sample in samples])
    probabilities = np.zeros((len(boxes), classes))
    judged = np.zeros(len(boxes), np.bool_)
    for fold in np.unique(folds):
        asked, taught = folds == fold, folds != fold
        known = np.unique(labels[taught])
        if len(known) >= 2:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=2000, class_weight="balanced"))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a ranking
                model.fit(features[taught], labels[taught])
            probabilities[np.ix_(asked, known)] = model.predict_proba(features[asked])
            judged[asked] = np.isin(labels[asked], known)
        advance()
    return Opinions(boxes, probabilities, judged)


def _crops(samples: Sequence[Sample], advance: Callable[[], None]) -> Iterator[Image]:
    for sample in samples:
        if len(sample.truth):
            image = read_image(sample.image)
            yield from (crop_with_context(image, xyxy) for xyxy in sample.truth.xyxy)
        advance()


def _batches(crops: Iterator[Image]) -> Iterator[list[Image]]:
    batch: list[Image] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
