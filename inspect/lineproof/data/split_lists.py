"""Splits given as lists of image names, as published datasets do: `train=kaggle_train.txt`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lineproof.data.formats.wording import count, near, some
from lineproof.data.formats.yolo_label import read_text
from lineproof.data.layout import SPLITS
from lineproof.data.names import NameBook
from lineproof.errors import DatasetError


def parse_split_option(text: str) -> tuple[str, Path]:
    """`val=FILE` as split and file; raises DatasetError that shows the form."""
    split, equals, file = text.partition("=")
    if not equals or not file:
        raise DatasetError(f"--split {text}: expected NAME=FILE", hint="for example --split val=val.txt")
    if split not in SPLITS:
        raise DatasetError(f"--split {text}: {split!r} is no split{near(split, SPLITS)}", hint="train, val or test")
    return split, Path(file)


def read_split_lists(lists: Sequence[tuple[str, Path]], names: Sequence[str]) -> Mapping[str, str]:
    """The split of each listed image; raises DatasetError for a name that is unknown or in two lists."""
    book = NameBook(names)
    splits: dict[str, str] = {}
    for split, path in lists:
        spoken = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        found = {word: book.find(word) for word in spoken}
        absent = [word for word, name in found.items() if name is None]
        if absent:
            raise DatasetError(f"{path}: {count(len(absent), 'image')} that the dataset does not have: {some(absent)}")
        for word, name in found.items():
            if name is not None and splits.setdefault(name, split) != split:
                raise DatasetError(f"{path}: {word} is in {splits[name]} and in {split}")
    return splits
