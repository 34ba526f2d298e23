"""A frozen pretrained network: images to pooled features and to patch features."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lineproof.adapt.features.graph import FeatureGraph, Features, on_one_grid
from lineproof.bundle.manifest import BaseWeights
from lineproof.core import Image
from lineproof.engine.letterbox import Letterbox

VERSION = 1  # of what is computed from the same weights; a change makes cached features void
PAD_VALUE = 114  # the engine's border
_BATCH = 16  # at 224 px larger ones are not faster on a CPU, and take memory


class Backbone:
    """Images in, features out; computes on the CPU, in float32, without gradients."""

    def __init__(self, name: str, graph: FeatureGraph, imgsz: int, card: BaseWeights, *, random: bool) -> None:
        """`open_backbone` builds one."""
        self.name = name
        self.imgsz = imgsz
        self.card = card  # where the knowledge came from, for the manifest
        self.random = random  # it has no knowledge at all
        self.graph = graph.eval()
        for parameter in graph.parameters():
            parameter.requires_grad = False

    @property
    def sha256(self) -> str:
        """Of the weights file; of random weights: of the weights themselves."""
        return self.card.sha256

    @property
    def dimension(self) -> int:
        """Length of a pooled vector; with pooling by mean it is that of a patch, too."""
        return self.graph.dimension

    @property
    def patch_dimension(self) -> int:
        """Features of a patch."""
        return sum(self.graph.trunk.widths)

    @property
    def strides(self) -> tuple[int, ...]:
        """Input pixels per cell of each map, finest first; patches lie on the finest."""
        return self.graph.trunk.strides

    @property
    def identity(self) -> str:
        """One number for everything that decides what an image's pooled features are."""
        trunk = self.graph.trunk
        facts = (VERSION, self.sha256, type(trunk).__name__, self.name, trunk.strides, trunk.widths, self.graph.pooling)
        return hashlib.sha256(repr((*facts, self.imgsz)).encode()).hexdigest()

    def pooled(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """`(n, d)` of `(H, W, 3)` uint8 BGR images of any size; they are letterboxed as the engine does it."""
        if not images:
            return np.zeros((0, self.dimension), np.float32)
        return np.concatenate([features.pooled.numpy() for features in self._features(images)])

    def patches(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """`(n, h, w, d)` on the finest grid, row by row over the letterboxed image."""
        if not images:
            side = self.imgsz // self.strides[0]
            return np.zeros((0, side, side, self.patch_dimension), np.float32)
        return np.concatenate([on_one_grid(features.maps).numpy() for features in self._features(images)])

    def _features(self, images: Sequence[Image]) -> Iterator[Features]:
        side = (self.imgsz, self.imgsz)
        for start in range(0, len(images), _BATCH):
            inputs = [letterboxed(image, side) for image in images[start : start + _BATCH]]
            with torch.inference_mode():
                yield self.graph(torch.from_numpy(np.concatenate(inputs)))


def letterboxed(image: Image, input_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """`(1, H, W, 3)`: the very bytes the engine would give the model."""
    return Letterbox(input_wh, dynamic=False, pad_value=PAD_VALUE).fill(image)[0]
