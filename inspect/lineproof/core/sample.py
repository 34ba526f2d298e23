"""One annotated image of a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineproof.core.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An image with its true detections (score 1); the group – part or lot – never crosses a split."""

    image: Path
    image_wh: tuple[int, int]
    truth: Detections
    group: str
    split: str = ""  # "train", "val", "test"; "" before a split was made

    @property
    def ok(self) -> bool:
        """A good part: annotated, and nothing found."""
        return len(self.truth) == 0
