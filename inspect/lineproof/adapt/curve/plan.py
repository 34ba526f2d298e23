"""What a study of the learning curve will train: sizes, seeds, and the same images without the good parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.formats.wording import count
from lineproof.data.nested import nested_subsets
from lineproof.data.subset import samples_of
from lineproof.errors import DatasetError
from lineproof.proof.learning_curve import LEAST_SIZES

USUAL_SIZES = (25, 50, 100, 200)

Arm = Literal["all", "without-ok"]


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One run to train: the dataset with that part of its train split, everything else as it is."""

    images: int  # asked for; without the good parts fewer are trained on
    seed: int
    arm: Arm
    view: Dataset

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"n{self.images:05d}-seed{self.seed}" + ("" if self.arm == "all" else f"-{self.arm}")

    @property
    def train(self) -> list[Sample]:
        """What is trained on."""
        return samples_of(self.view, "train")


def usual_sizes(dataset: Dataset) -> tuple[int, ...]:
    """25, 50, 100, 200 as far as there are images, or halves of a small train split.

    Raises:
        DatasetError: so few images that there are no three sizes.
    """
    have = len(samples_of(dataset, "train"))
    usual = tuple(size for size in USUAL_SIZES if size <= have)
    if len(usual) >= LEAST_SIZES:
        return usual
    halves = (have // 8, have // 4, have // 2, have)
    sizes = tuple(size for size in dict.fromkeys(halves) if size >= max(2, len(dataset.classes)))
    if len(sizes) < LEAST_SIZES:
        raise DatasetError(
            f"{dataset.root}: {count(have, 'training image')}: too few for a curve of {LEAST_SIZES} sizes",
            hint="take more images first: the first hundred are the ones that teach most",
        )
    return sizes


def plan_cells(
    dataset: Dataset, sizes: Sequence[int], seeds: Sequence[int], held_out: str, *, without_ok: bool
) -> list[Cell]:
    """Every run, small ones first, so that there is a curve to look at early.

    `without_ok` adds, per seed, the largest size once more without its good parts.

    Raises:
        InputError: sizes that are none.
        DatasetError: a split is missing, a size is larger than the train split, or nothing is annotated.
    """
    _require_defects(dataset, held_out)
    by_seed = {seed: nested_subsets(dataset, sizes, seed) for seed in seeds}
    cells = [
        Cell(size, seed, "all", subset_view(dataset, by_seed[seed][size]))
        for size in sorted(set(sizes))
        for seed in by_seed
    ]
    largest = max(sizes)
    for seed, subsets in by_seed.items():
        defects = [sample for sample in subsets[largest] if not sample.ok]
        if without_ok and 0 < len(defects) < largest:
            cells.append(Cell(largest, seed, "without-ok", subset_view(dataset, defects)))
    return cells


def subset_view(dataset: Dataset, train: Sequence[Sample]) -> Dataset:
    """The dataset with other training images; nothing is copied, and its hash says that it is another one."""
    names = sorted(dataset.name_of(sample) for sample in train)
    digest = hashlib.sha256("\n".join([dataset.content_hash, *names]).encode()).hexdigest()
    kept = [sample for sample in dataset.samples if sample.split != "train"]
    return replace(dataset, samples=(*train, *kept), content_hash=f"sha256:{digest}")


def _require_defects(dataset: Dataset, held_out: str) -> None:
    for split in dict.fromkeys(("train", "val", held_out)):
        if all(sample.ok for sample in samples_of(dataset, split)):
            raise DatasetError(
                f"{dataset.root}: only good parts in split {split!r}: there is no defect to learn or to find",
                hint="annotate defects, or split anew with `lineproof data split`",
            )


def each_unfinished(cells: Sequence[Cell], done: set[str]) -> Iterator[tuple[int, Cell]]:
    """Number (from 1) and cell of what is still to be trained."""
    yield from ((number, cell) for number, cell in enumerate(cells, 1) if cell.name not in done)
