"""An augmentation preset: a list of transforms in a YAML file."""

from __future__ import annotations

import albumentations as A  # noqa: N812 (its own documentation calls it so)
from pydantic import Field

from lineproof.adapt.augment.steps import Step
from lineproof.presets import find_preset
from lineproof.settings import StrictModel, load_settings


class Augmentation(StrictModel):
    """The content of an augmentation preset; what moves pixels is the recipe's `geometry`."""

    transforms: tuple[Step, ...] = Field(description="in this order; an empty list changes nothing")

    def build(self) -> list[A.BasicTransform]:
        """Fresh albumentations transforms, for the trainer's `augmentations` argument."""
        return [step.build() for step in self.transforms]


def load_augmentation(name: str) -> Augmentation:
    """A preset by name (`industrial`, `none`, …) or from a file; raises SettingsError that names file and key."""
    return load_settings(find_preset("augment", name), Augmentation)
