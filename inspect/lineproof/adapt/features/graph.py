"""Camera bytes to features in one graph: colour order, scaling, the frozen network, pooling."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineproof.adapt.features.trunk import Normalisation, Trunk
from lineproof.errors import InputError

Pooling = Literal["mean", "max", "mean+max", "token", "token+mean"]


class Features(NamedTuple):
    """What one batch gives."""

    pooled: Tensor  # (N, d)
    maps: list[Tensor]  # (N, c, h, w), finest first


class FeatureGraph(nn.Module):
    """From uint8 BGR `(N, H, W, 3)` to pooled features, and the maps they were pooled from.

    Pooled features lie in this order: class token, means of the maps, maxima of the maps; each as far as asked for.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk, normalisation: Normalisation, pooling: Pooling) -> None:
        """Raise InputError for a pooling that the trunk has not got."""
        super().__init__()
        if pooling not in get_args(Pooling):
            raise InputError(f"pooling {pooling!r}", hint=f"one of {', '.join(get_args(Pooling))}")
        kinds = pooling.split("+")
        if "token" in kinds and not trunk.token_width:
            raise InputError(f"pooling {pooling}: this backbone has no class token", hint="mean, max or mean+max")
        self.trunk = trunk.eval()
        self.pooling = pooling
        self.takes_token, self.takes_mean, self.takes_max = ("token" in kinds, "mean" in kinds, "max" in kinds)
        scale = 1 / (255 * torch.tensor(normalisation.std))
        self.register_buffer("scale", scale.reshape(1, 3, 1, 1))
        self.register_buffer("offset", (255 * torch.tensor(normalisation.mean)).reshape(1, 3, 1, 1))

    @property
    def dimension(self) -> int:
        """Length of a pooled vector."""
        per_map = sum(self.trunk.widths) * (self.takes_mean + self.takes_max)
        return per_map + self.trunk.token_width * self.takes_token

    def forward(self, image: Tensor) -> Features:
        """Pooled features and maps."""
        x = image.permute(0, 3, 1, 2).float()
        blue, green, red = x.chunk(3, 1)
        maps, token = self.trunk((torch.cat([red, green, blue], 1) - self.offset) * self.scale)
        parts = [token] if self.takes_token and token is not None else []
        if self.takes_mean:
            parts += [each.mean((2, 3)) for each in maps]
        if self.takes_max:
            parts += [each.amax((2, 3)) for each in maps]
        return Features(torch.cat(parts, 1), maps)


def on_one_grid(maps: list[Tensor]) -> Tensor:
    """`(N, h, w, sum of c)` on the finest map's grid; a coarse cell's features are those of all fine cells in it."""
    size = maps[0].shape[2:]
    same = [each if each.shape[2:] == size else functional.interpolate(each, size, mode="nearest") for each in maps]
    return torch.cat(same, 1).permute(0, 2, 3, 1)
