"""A dataset card: where images come from, under which terms, and how to know that one has the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lineproof.settings import StrictModel, load_settings


class DatasetSourceCard(StrictModel):
    """The content of a `datasets/*.yaml` file; the images themselves are never in the repository."""

    title: str = Field(description="what it shows")
    source: str = Field(description="who publishes it, and where")
    paper: str = Field(description="what to cite")
    licence: str = Field(description="terms of use, in words")
    format: Literal["yolo", "coco", "voc", "masks"] = Field(description="for `lineproof data import --format`")
    classes: list[str] = Field(min_length=1, description="defect classes, in the order of their ids")
    images: int = Field(gt=0, description="how many are imported")
    instances: int = Field(gt=0, description="how many defects are imported")
    content_hash: str = Field(
        pattern="^[0-9a-f]{64}$", description="sha256 of the imported dataset, as `dataset.yaml` has it"
    )
    obtain: str = Field(description="how to get it, and the command that imports it")
    problems: list[str] = Field(default_factory=list, description="what is known to be wrong with it")


def load_card(path: Path) -> DatasetSourceCard:
    """Read a card; raises SettingsError naming file and key."""
    return load_settings(path, DatasetSourceCard)
