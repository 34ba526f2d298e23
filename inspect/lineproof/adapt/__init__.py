"""Training: the only folder that imports torch, ultralytics, albumentations, timm."""
