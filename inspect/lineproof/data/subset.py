"""Which samples of a dataset a verb works on."""

from __future__ import annotations

from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.errors import DatasetError


def samples_of(dataset: Dataset, split: str) -> list[Sample]:
    """The samples of one split, or of `all`; raises DatasetError with the splits there are when it is empty."""
    chosen = [sample for sample in dataset.samples if split in ("all", sample.split)]
    if not chosen:
        have = sorted({sample.split or "(none)" for sample in dataset.samples})
        raise DatasetError(
            f"{dataset.root}: no image in split {split!r}; there are {', '.join(have)}",
            hint="make one with `lineproof data split`, or name another with --split",
        )
    return chosen
