"""Names of folders and files that say train, val or test."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(parts: Iterable[str]) -> str:
    """The split the first of these folder names says (`valid`, `train2017`); "" when none does."""
    for part in parts:
        split = _WORDS.get(part.lower().rstrip("0123456789"))
        if split:
            return split
    return ""


def split_in_name(stem: str) -> str:
    """The split inside a file name such as `instances_train2017`; "" when there is none."""
    return split_of(re.split(r"[^A-Za-z0-9]+", stem))
