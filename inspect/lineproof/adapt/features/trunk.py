"""The frozen network without its head: a normalised image in, maps of features at several strides out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.tasks import BaseModel

from lineproof.errors import InputError

Strides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What the network was trained to see: (RGB / 255 - mean) / std."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # YOLO: 0..1


class Trunk(nn.Module):
    """Gives maps `(N, c, h, w)`, finest first, and a class token `(N, c)` where the network has one."""

    def __init__(self, strides: Strides, widths: Sequence[int], *, token_width: int = 0) -> None:
        super().__init__()
        self.strides = strides  # input pixels per cell, by map
        self.widths = tuple(widths)  # channels, by map
        self.token_width = token_width  # 0: the network has none

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """From `(N, 3, H, W)` float RGB, normalised."""
        raise NotImplementedError


class YoloTrunk(Trunk):
    """A YOLO network's maps: what its backbone hands to its neck, or what its neck hands to its head."""

    def __init__(self, network: BaseModel, imgsz: int, *, neck: bool, levels: Strides | None) -> None:
        """Take a fused float copy; `levels` are the strides to keep (None: all)."""
        *body, head = network.model
        wanted = list(head.f) if neck else _backbone_ends(body)
        last = max(wanted)
        layers = nn.ModuleList(body[: last + 1])
        routes: list[int | list[int]] = [layer.f for layer in body[: last + 1]]
        sizes = _probe(layers, routes, wanted, imgsz)
        kept = _chosen([imgsz // side for _, side in sizes], levels)
        super().__init__(tuple(imgsz // sizes[index][1] for index in kept), [sizes[index][0] for index in kept])
        self.layers, self.routes = layers, routes
        self.wanted = [wanted[index] for index in kept]

    def forward(self, x: Tensor) -> tuple[list[Tensor], None]:
        """The wanted layers' results."""
        return _run(self.layers, self.routes, self.wanted, x), None


class ConvTrunk(Trunk):
    """A convolutional or windowed model of timm: its maps at strides 8, 16 and 32, as far as it has them."""

    def __init__(self, model: Any, *, levels: Strides | None) -> None:  # noqa: ANN401 (timm has no types)
        info = list(model.feature_info)
        # Of several stages at one stride the last one; stride 2 and 4 show edges, not what is between them.
        ends = [i for i, (one, following) in enumerate(pairwise(info)) if one["reduction"] != following["reduction"]]
        ends = [i for i in [*ends, len(info) - 1] if info[i]["reduction"] >= 8]
        kept = [ends[i] for i in _chosen([int(info[i]["reduction"]) for i in ends], levels)]
        super().__init__(tuple(int(info[i]["reduction"]) for i in kept), [int(info[i]["num_chs"]) for i in kept])
        self.model, self.kept = model, kept

    def forward(self, x: Tensor) -> tuple[list[Tensor], None]:
        """The stages' results."""
        maps = self.model.forward_intermediates(x, indices=self.kept, intermediates_only=True, output_fmt="NCHW")
        return list(maps), None


class TokenTrunk(Trunk):
    """A transformer of timm: the patch tokens of its last block as one map, and its class token."""

    def __init__(self, model: Any, patch_px: int) -> None:  # noqa: ANN401 (timm has no types)
        super().__init__((patch_px,), [int(model.num_features)], token_width=int(model.num_features))
        self.model = model

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Normalised as the model's own head sees them."""
        tokens = self.model.forward_features(x)
        rows, columns = self.model.patch_embed.grid_size
        patches = tokens[:, self.model.num_prefix_tokens :].transpose(1, 2).unflatten(2, (rows, columns))
        return [patches], tokens[:, 0]


def _backbone_ends(body: Sequence[Any]) -> list[int]:
    """Layers of the backbone that the neck takes: the last one, and those it comes back to later."""
    first_up = next(index for index, layer in enumerate(body) if isinstance(layer, nn.Upsample))
    routed = {source for layer in body if isinstance(layer.f, list) for source in layer.f}
    return sorted({index for index in routed if 0 <= index < first_up} | {first_up - 1})


def _run(layers: nn.ModuleList, routes: list[int | list[int]], wanted: Sequence[int], x: Tensor) -> list[Tensor]:
    results: list[Tensor] = []
    for layer, route in zip(layers, routes, strict=True):
        if isinstance(route, int):
            x = layer(x if route == -1 else results[route])
        else:
            x = layer([x if index == -1 else results[index] for index in route])
        results.append(x)
    return [results[index] for index in wanted]


def _probe(
    layers: nn.ModuleList, routes: list[int | list[int]], wanted: Sequence[int], imgsz: int
) -> list[tuple[int, int]]:
    """Channels and side of each wanted map."""
    with torch.inference_mode():
        maps = _run(layers, routes, wanted, torch.zeros(1, 3, imgsz, imgsz))
    return [(int(each.shape[1]), int(each.shape[3])) for each in maps]


def _chosen(strides: Sequence[int], levels: Strides | None) -> list[int]:
    """Indices of the maps to keep, finest first."""
    kept = [index for index, stride in enumerate(strides) if levels is None or stride in levels]
    if not kept or (levels is not None and len(kept) != len(set(levels))):
        raise InputError(
            f"levels {levels}: this backbone has maps at strides {', '.join(str(s) for s in sorted(strides))}"
        )
    return sorted(kept, key=lambda index: strides[index])
