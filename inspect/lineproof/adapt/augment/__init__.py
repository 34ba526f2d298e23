"""Changes of light, focus and noise during training: asked for in YAML, built by albumentations, and proven to be there."""

from __future__ import annotations

from lineproof.adapt.augment.installed import check_installed
from lineproof.adapt.augment.preset import Augmentation, load_augmentation
from lineproof.adapt.augment.steps import Step

__all__ = ["Augmentation", "Step", "check_installed", "load_augmentation"]
