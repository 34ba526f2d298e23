"""Frozen features: a pretrained network read as numbers per image and per patch, without training it."""

from lineproof.adapt.features.backbone import Backbone
from lineproof.adapt.features.cache import pooled_features
from lineproof.adapt.features.opening import best_imgsz, open_backbone

__all__ = ["Backbone", "best_imgsz", "open_backbone", "pooled_features"]
