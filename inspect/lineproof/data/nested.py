"""Training images in an order whose every beginning is a fair, smaller training set: for learning curves.

Iterative stratification (Sechidis et al. 2011) turned into an order: the label that is missed most comes next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.formats.wording import count
from lineproof.data.subset import samples_of
from lineproof.errors import DatasetError, InputError

# Fewer images of a class say nothing about it: every class gets so many before proportions count.
FEW = 3

Counts = NDArray[np.int64]


def nested_subsets(dataset: Dataset, sizes: Sequence[int], seed: int) -> dict[int, list[Sample]]:
    """Subsets of the train split by size, ascending; a larger one begins with all of the smaller one.

    Raises:
        InputError: no size, or one below 1.
        DatasetError: no train split, or a size larger than it.
    """
    if not sizes or min(sizes) < 1:
        raise InputError(f"sizes {', '.join(map(str, sizes)) or '(none)'}: expected numbers of images from 1 on")
    train = samples_of(dataset, "train")
    if max(sizes) > len(train):
        raise DatasetError(
            f"{dataset.root}: {count(len(train), 'training image')}, too few for a subset of {max(sizes)}",
            hint=f"ask for at most {len(train)}",
        )
    order = nested_order(train, len(dataset.classes), seed, sizes)
    return {size: order[:size] for size in sorted(set(sizes))}


def nested_order(samples: Sequence[Sample], classes: int, seed: int, sizes: Sequence[int] = ()) -> list[Sample]:
    """All samples, group after group, so that every beginning is stratified; the same for the same seed.

    First every class is shown once, then good parts keep their share of all images, then every class is shown
    `FEW` times, then whatever is furthest behind its share follows. `sizes` are beginnings that will be used: a group
    that would be cut at one of them is put off while there are others, and cut only when there are none. A larger size
    added later changes nothing before it.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.group, []).append(sample)
    rng = np.random.default_rng(seed)
    members = [groups[name] for name in sorted(groups)]
    members = [members[i] for i in rng.permutation(len(members))]  # ties are broken by place
    pile = _Pile(np.array([_labels(group, classes) for group in members]).reshape(len(members), classes + 1))
    pile.images = np.array([len(group) for group in members], np.int64)
    ends = sorted({size for size in sizes if size < len(samples)})
    order: list[Sample] = []
    while len(order) < len(samples):
        end = next((size for size in ends if size > len(order)), len(samples))
        group = members[pile.take(len(order), end - len(order))]
        order += [group[i] for i in _varied_first(group, rng)]
    return order


class _Pile:
    """The groups not yet taken, and what has been taken so far."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts  # (groups, classes + 1) images that show a class; the last column: good parts
        self.images: Counts = np.zeros(len(counts), np.int64)
        self.left = np.ones(len(counts), np.bool_)
        self.have = np.zeros(counts.shape[1], np.int64)
        self.total = counts.sum(axis=0)

    def take(self, placed: int, room: int) -> int:
        """The next group when `placed` images were taken and `room` are left until the next size."""
        label = self._missed_most(placed)
        holding = np.flatnonzero(self.left & (self.counts[:, label] > 0))
        absent = max(1, int(np.count_nonzero((self.have[:-1] == 0) & (self.total[:-1] > 0))))
        # What is left is shared among the classes nobody has seen yet, so that one large group does not eat it all.
        for places in (room // absent, room):
            fitting = holding[self.images[holding] <= places]
            if len(fitting):
                return self._taken(int(fitting[0]))
        anywhere = np.flatnonzero(self.left & (self.images <= room))
        if len(anywhere) and self.have[label] > 0:
            return self._taken(int(anywhere[0]))
        return self._taken(int(holding[self.images[holding].argmin()]))

    def _taken(self, group: int) -> int:
        self.left[group] = False
        self.have += self.counts[group]
        return group

    def _missed_most(self, placed: int) -> int:
        """The label the next group must show."""
        open_labels = self.counts[self.left].max(axis=0) > 0
        good = len(self.have) - 1
        classes = np.flatnonzero(open_labels[:good])
        by_rarity = classes[np.argsort(self.total[classes], kind="stable")]
        unseen = by_rarity[self.have[by_rarity] == 0]
        if len(unseen):
            return int(unseen[0])
        share = self.total[good] / self.images.sum()
        if open_labels[good] and self.have[good] < int(share * (placed + 1)):
            return good
        few = by_rarity[self.have[by_rarity] < FEW]
        if len(few):
            return int(few[self.have[few].argmin()])
        candidates = np.flatnonzero(open_labels)
        return int(candidates[(self.have[candidates] / self.total[candidates]).argmin()])


def _labels(group: Sequence[Sample], classes: int) -> list[int]:
    """How many images of a group show each class, and how many are good parts."""
    shown = [set(sample.truth.class_id.tolist()) for sample in group]
    return [*(sum(c in ids for ids in shown) for c in range(classes)), sum(sample.ok for sample in group)]


def _varied_first(group: Sequence[Sample], rng: np.random.Generator) -> list[int]:
    """A group in random order, images that show a class not yet shown before the others: it may be cut."""
    seen: set[int] = set()
    first: list[int] = []
    later: list[int] = []
    for i in rng.permutation(len(group)).tolist():
        new = set(group[i].truth.class_id.tolist()) - seen
        (first if new else later).append(i)
        seen |= new
    return first + later
