"""Frozen features: a pretrained network read as numbers per image and per patch, without training it."""

from lineproof.adapt.features.backbone import Backbone
from lineproof.adapt.features.cache import pooled_features
from lineproof.adapt.features.opening import open_backbone

__all__ = ["Backbone", "open_backbone", "pooled_features"]
