"""Networks that were never trained and yet find things: enough to compare two ways of running them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from ultralytics.nn.tasks import BaseModel, DetectionModel, SegmentationModel

from lineproof.bundle.manifest import Task

CLASSES = ("bolt", "dent", "seam")


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """On networks this small more threads than free cores cost minutes, and one is as fast as two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def blobs(seed: int, width: int, height: int) -> np.ndarray:
    """A colourful image of soft blobs, `(height, width, 3)` uint8 BGR."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8), (width, height))


def restless_network(task: Task, seed: int = 0) -> BaseModel:
    """A YOLOv8n with random weights, tuned so that scores spread over 0..1 and boxes are a few cells wide."""
    torch.manual_seed(seed)
    kind, layout = (SegmentationModel, "yolov8n-seg.yaml") if task == "segment" else (DetectionModel, "yolov8n.yaml")
    model = kind(layout, nc=len(CLASSES), verbose=False)
    model.names = dict(enumerate(CLASSES))
    images = torch.from_numpy(np.stack([blobs(seed, 160, 160).transpose(2, 0, 1) for seed in range(12)])).float() / 255
    with torch.no_grad():
        _settle_batch_norms(model, images)
        head = model.model[-1]
        logits = model.eval()(images)[1]["scores"]
        # A fresh network answers to the place in the image more than to its content: scale by what the content does.
        gain, mean = 1.5 / logits.std(0).mean(), logits.mean()
        for scores, boxes in zip(head.cv3, head.cv2, strict=True):
            scores[-1].weight.mul_(gain)
            scores[-1].bias.copy_((scores[-1].bias - mean) * gain - 2)
            boxes[-1].bias.copy_(-0.5 * torch.arange(head.reg_max).repeat(4))
    return model


def _settle_batch_norms(model: BaseModel, images: torch.Tensor) -> None:
    """Statistics of real activations: with those of a fresh network every image looks the same to it."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # exactly those of the last batch
    model.train()
    model(images)
