"""What each image of a split shows, as a classifier learns it, and whether there is anything to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.errors import DatasetError
from lineproof.proof.evaluate import as_one_class

ONE_CLASS = "defect"


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Images of one split and which classes they show; an image that shows none is a good part."""

    samples: tuple[Sample, ...]
    truth: NDArray[np.bool_]  # (n, C)
    groups: NDArray[np.str_]  # (n,)


def classes_of(dataset: Dataset, *, one_class: bool) -> tuple[str, ...]:
    """The dataset's classes, or all of them as one."""
    return (ONE_CLASS,) if one_class else dataset.classes


def labelled(dataset: Dataset, split: str, *, one_class: bool) -> Labelled:
    """The images of a split; with `one_class` every defect is the same one, in their truth too.

    Raises:
        DatasetError: the split has no images.
    """
    samples = tuple(samples_of(dataset, split))
    if one_class:
        samples = tuple(as_one_class(samples))
    truth = np.zeros((len(samples), len(classes_of(dataset, one_class=one_class))), np.bool_)
    for row, sample in enumerate(samples):
        truth[row, sample.truth.class_id] = True
    return Labelled(samples, truth, np.array([sample.group or sample.image.name for sample in samples]))


def check_learnable(dataset: Dataset, train: Labelled, val: Labelled, classes: Sequence[str]) -> list[str]:
    """Warnings about classes that cannot be learnt or judged well.

    Raises:
        DatasetError: no class at all can be learnt; says what is missing.
    """
    have = train.truth.sum(0)
    count = len(train.samples)
    if not have.any():
        raise DatasetError(
            f"{dataset.root}: none of its {count} training images shows a defect: nothing to tell apart",
            hint="annotate images with defects, or split anew",
        )
    if not ((have > 0) & (have < count)).any():
        names = ", ".join(name for name, number in zip(classes, have, strict=True) if number)
        raise DatasetError(
            f"{dataset.root}: each of its {count} training images shows {names}: nothing to tell it from",
            hint="import good parts as well (`--unlabelled ok`), or images of other defects",
        )
    said: list[str] = []
    for name, number, seen, parts in zip(classes, have, val.truth.sum(0), _parts(train), strict=True):
        if number == 0:
            said.append(f"warning: no train image shows {name!r}: it cannot be learnt and will never be reported")
        elif number == count:
            said.append(f"warning: every train image shows {name!r}: it cannot be learnt and will never be reported")
        elif parts == 1:
            what = "one train image shows" if number == 1 else f"all {number} train images of one part show"
            said.append(f"warning: only {what} {name!r}: its probability is a guess, not calibrated")
        if seen == 0:
            said.append(f"warning: no val image shows {name!r}: its thresholds are the defaults")
    if not (train.truth.any(1) == 0).any():
        said.append("warning: no train image shows a good part: the classifier has never seen one")
    return said


def _parts(train: Labelled) -> list[int]:
    """How many parts show each class."""
    return [len(set(train.groups[column])) for column in train.truth.T]
