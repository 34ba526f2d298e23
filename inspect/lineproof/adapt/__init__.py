"""Training: the only folder that imports torch, ultralytics, albumentations, timm."""

from lineproof.adapt.isolation import isolate, undo_patches

isolate()  # before any module of this folder can import ultralytics, which reads its switches once
undo_patches()
