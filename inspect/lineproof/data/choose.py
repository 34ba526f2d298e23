"""Which images to show: a few of every class and of the good parts, the same for the same seed."""

from __future__ import annotations

from collections import deque

import numpy as np

from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.formats.wording import near
from lineproof.data.subset import samples_of
from lineproof.errors import InputError


def choose_samples(
    dataset: Dataset, count: int, seed: int, *, split: str = "all", class_name: str = ""
) -> list[Sample]:
    """Up to `count` samples, dealt in turn from each class and the good parts, one group after another.

    Raises:
        InputError: no such class, or no image of it in this split.
        DatasetError: no image in this split.
    """
    samples = samples_of(dataset, split)
    if class_name:
        samples = [sample for sample in samples if _class_id(dataset, class_name) in sample.truth.class_id]
        if not samples:
            raise InputError(f"no image of {class_name} in split {split!r}", hint="leave out --split or --class")
    rng = np.random.default_rng(seed)
    shuffled = [samples[i] for i in rng.permutation(len(samples))]
    piles = [_one_of_each_group_first([s for s in shuffled if s.ok])]
    for class_id in range(len(dataset.classes)):
        piles += [_one_of_each_group_first([s for s in shuffled if class_id in s.truth.class_id])]
    chosen: dict[str, Sample] = {}
    while len(chosen) < count and any(piles):
        for pile in piles:
            if pile and len(chosen) < count:
                sample = pile.popleft()
                chosen.setdefault(str(sample.image), sample)
    return sorted(chosen.values(), key=lambda s: (s.ok, s.truth.class_id.min(initial=len(dataset.classes)), s.image))


def _class_id(dataset: Dataset, class_name: str) -> int:
    if class_name not in dataset.classes:
        known = ", ".join(dataset.classes)
        raise InputError(f"no class {class_name!r}{near(class_name, dataset.classes)}", hint=f"there are {known}")
    return dataset.classes.index(class_name)


def _one_of_each_group_first(samples: list[Sample]) -> deque[Sample]:
    """Six shots of one part say less than six parts."""
    seen: dict[str, int] = {}
    ranked = []
    for sample in samples:
        ranked.append((seen.get(sample.group, 0), sample))
        seen[sample.group] = seen.get(sample.group, 0) + 1
    return deque(sample for _, sample in sorted(ranked, key=lambda item: item[0]))
