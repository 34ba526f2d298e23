"""Train, val and test from whole groups: no part on both sides, every class and the good parts on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lineproof.core import Sample
from lineproof.data.dataset import Dataset, with_splits
from lineproof.data.duplicates import Duplicates, find_duplicates
from lineproof.data.formats.wording import count, some
from lineproof.data.groups import read_groups
from lineproof.data.leaks import LeakCount, TwinGraph
from lineproof.data.loading import Progress, silent
from lineproof.data.stratify import stratify
from lineproof.data.union import Union
from lineproof.errors import DatasetError, InputError


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to split; the rest is train."""

    val: float = 0.2
    test: float = 0.0
    seed: int = 0
    group: str = "auto"  # auto, given, a .csv file, or a pattern with one bracket


@dataclass(frozen=True, slots=True)
class SplitCount:
    """What one split holds."""

    images: int
    ok_images: int
    groups: int
    instances: dict[str, int]  # by class
    class_images: dict[str, int]  # images with the class


@dataclass(frozen=True, slots=True, eq=False)
class SplitReport:
    """The dataset as split, and what the split is worth."""

    dataset: Dataset
    counts: dict[str, SplitCount]  # train, val, test: those that were asked for
    duplicates: Duplicates
    groups: int
    largest_group: int
    twins: int  # images that have a twin
    defect_twins: int  # images with a defect that have one
    leaks_now: LeakCount
    leaks_random: LeakCount  # mean of splits at random
    notes: tuple[str, ...]


def split_dataset(dataset: Dataset, options: SplitOptions, progress: Progress = silent) -> SplitReport:
    """Split a dataset by group and write it to its `dataset.yaml`.

    Raises:
        InputError: shares that leave nothing for train, or nothing to hold out.
        DatasetError: fewer groups than splits, groups that cannot be read, or an image that cannot.
    """
    shares = _shares(options)
    names = [dataset.name_of(sample) for sample in dataset.samples]
    given = _given_groups(dataset, names, options)
    duplicates = find_duplicates(dataset, progress)
    groups = merge_groups(given, duplicates) if options.group == "auto" else given
    splits = assign(dataset, groups, shares, options.seed)
    notes = _notes(dataset, groups, splits, duplicates)
    dataset = with_splits(dataset, splits, groups)
    graph = TwinGraph.build(duplicates, given, [not sample.ok for sample in dataset.samples])
    train = np.array([sample.split == "train" for sample in dataset.samples])
    return SplitReport(
        dataset,
        split_counts(dataset),
        duplicates,
        len(set(groups.values())),
        max(Counter(groups.values()).values()),
        int(graph.with_twin.sum()),
        int((graph.with_twin & graph.defect).sum()),
        graph.leaks(train, ~train),
        graph.expected_leaks(options.val + options.test, options.seed),
        notes,
    )


def merge_groups(given: Mapping[str, str], duplicates: Duplicates) -> dict[str, str]:
    """Groups by name joined where their images are duplicates; a joined group keeps the first one's name."""
    union = Union(given)
    first: dict[str, str] = {}
    for name, group in given.items():
        union.join(first.setdefault(group, name), name)
    for cluster in duplicates.clusters:
        for name in cluster[1:]:
            union.join(cluster[0], name)
    return {name: given[members[0]] for members in union.sets() for name in members}


def assign(dataset: Dataset, groups: Mapping[str, str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of every image name; raises DatasetError for fewer groups than splits."""
    names = sorted(set(groups.values()))
    if len(names) < len(shares):
        raise DatasetError(
            f"{dataset.root}: {count(len(names), 'group')} of {count(len(groups), 'image')} "
            f"cannot fill {len(shares)} splits ({', '.join(shares)})",
            hint="a group never crosses a split: take images of more parts, or ask for fewer splits",
        )
    row_of = {group: row for row, group in enumerate(names)}
    counts = np.zeros((len(names), len(dataset.classes) + 2))
    for sample in dataset.samples:
        counts[row_of[groups[dataset.name_of(sample)]]] += _labels(sample, len(dataset.classes))
    chosen = stratify(counts, tuple(shares.values()), seed)
    words = list(shares)
    return {name: words[chosen[row_of[group]]] for name, group in groups.items()}


def split_counts(dataset: Dataset) -> dict[str, SplitCount]:
    """What each split holds, train first; images without a split under `(none)`."""
    order = ("train", "val", "test", "")
    parts = {word: [sample for sample in dataset.samples if sample.split == word] for word in order}
    return {word or "(none)": _count(dataset.classes, samples) for word, samples in parts.items() if samples}


def _count(classes: tuple[str, ...], samples: list[Sample]) -> SplitCount:
    instances = Counter(int(class_id) for sample in samples for class_id in sample.truth.class_id)
    images = Counter(class_id for sample in samples for class_id in set(sample.truth.class_id.tolist()))
    return SplitCount(
        len(samples),
        sum(sample.ok for sample in samples),
        len({sample.group for sample in samples}),
        {name: instances[class_id] for class_id, name in enumerate(classes)},
        {name: images[class_id] for class_id, name in enumerate(classes)},
    )


def _labels(sample: Sample, classes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What is kept in balance: the image, whether it is good, each class it shows."""
    row = np.zeros(classes + 2)
    row[-1] = 1
    row[-2] = sample.ok
    row[np.unique(sample.truth.class_id)] = 1
    return row


def _shares(options: SplitOptions) -> dict[str, float]:
    """The splits asked for and their shares; raises InputError."""
    for word, share in (("--val", options.val), ("--test", options.test)):
        if not 0 <= share < 1:
            raise InputError(f"{word} {share}: expected a share of 0 to below 1", hint="0.2 is a fifth of the images")
    held_out = options.val + options.test
    if held_out == 0:
        raise InputError("--val 0 --test 0: nothing to hold out", hint="a model cannot be proven on what it learned")
    if held_out >= 0.999:
        raise InputError(f"--val {options.val} --test {options.test}: nothing is left to train on")
    shares = {"train": 1 - held_out, "val": options.val, "test": options.test}
    return {word: share for word, share in shares.items() if share > 0}


def _given_groups(dataset: Dataset, names: list[str], options: SplitOptions) -> dict[str, str]:
    if options.group in ("auto", "given"):
        return dict(zip(names, (sample.group for sample in dataset.samples), strict=True))
    return read_groups(options.group, names, names)


def _notes(
    dataset: Dataset, groups: Mapping[str, str], splits: Mapping[str, str], duplicates: Duplicates
) -> tuple[str, ...]:
    """What a person should know about this split."""
    notes = [
        f"{len(scene)} images look alike because every part does: among them only copies were looked for; "
        f"if several show the same part, say which with --group, e.g. {scene[0]}"
        for scene in duplicates.scenes
    ]
    wanted = sorted(set(splits.values()), key=("train", "val", "test").index)
    for class_id, word in enumerate(dataset.classes):
        shown = [dataset.name_of(s) for s in dataset.samples if class_id in s.truth.class_id]
        missing = [split for split in wanted if split not in {splits[name] for name in shown}]
        if shown and missing:
            parts = len({groups[name] for name in shown})
            notes.append(f"{word}: only {count(parts, 'group')} show it, none in {some(missing)}")
    if all(not sample.ok for sample in dataset.samples):
        notes.append("no good part: overkill cannot be measured")
    return tuple(notes)
