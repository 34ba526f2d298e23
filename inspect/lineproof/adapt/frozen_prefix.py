"""The frozen beginning of a network, run once per image instead of once per image and epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil
import torch
from torch import Tensor
from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.augment import Augmentation
from lineproof.adapt.groups import GroupName, group_of_layers
from lineproof.adapt.recipe import Recipe

_SHARE_OF_MEMORY = 0.25  # of what is free when the first image is kept


def stands_still(recipe: Recipe, augmentation: Augmentation) -> bool:
    """Whether every epoch shows the very same images: nothing moves, colours or mixes them."""
    moving = recipe.geometry.model_dump(exclude={"close_mosaic", "orientation"})
    colouring = recipe.colour.model_dump()
    return not recipe.paste and not any(moving.values()) and not any(colouring.values()) and not augmentation.transforms


def frozen_layers(network: BaseModel, learning: Sequence[GroupName]) -> int:
    """How many layers from the first on do not learn."""
    groups = group_of_layers(network)
    return next((index for index, group in enumerate(groups) if group in learning), len(groups))


class FrozenPrefix:
    """Keeps, for each image by name, the maps that the learning layers read, in the precision they came in."""

    def __init__(self, network: BaseModel, layers: int) -> None:
        self._network = network
        self._layers = layers
        self._wanted = _read_by_later(network, layers)
        self._kept: dict[str, dict[int, Tensor]] = {}
        self._room: float | None = None  # bytes left to fill

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, images: Tensor, names: Sequence[str]) -> Any:  # noqa: ANN401 (what the head gives in training)
        """The network's output for a batch `(N, 3, H, W)`; `names` tell the images apart."""
        new = [index for index, name in enumerate(names) if name not in self._kept]
        fresh = self._run_prefix(images[new]) if new else {}
        rows = {index: row for row, index in enumerate(new)}
        maps: dict[int, Tensor] = {
            layer: torch.stack(
                [fresh[layer][rows[i]] if i in rows else self._kept[name][layer] for i, name in enumerate(names)]
            ).contiguous(memory_format=torch.channels_last)
            for layer in self._wanted
        }
        for index, row in rows.items():
            self._keep(names[index], {layer: fresh[layer][row].clone() for layer in self._wanted})
        return _run(self._network, maps, self._layers, len(self._network.model))

    def _run_prefix(self, images: Tensor) -> dict[int, Tensor]:
        with torch.no_grad():
            maps: dict[int, Tensor] = {-1: images}
            _run(self._network, maps, 0, self._layers)
            return {layer: maps[layer] for layer in self._wanted}

    def _keep(self, name: str, maps: dict[int, Tensor]) -> None:
        size = sum(tensor.nbytes for tensor in maps.values())
        if self._room is None:
            self._room = psutil.virtual_memory().available * _SHARE_OF_MEMORY
        if size <= self._room:
            self._room -= size
            self._kept[name] = maps


def _inputs(layer: Any) -> list[int]:  # noqa: ANN401 (a layer of ultralytics, which knows where its inputs come from)
    """Numbers of the layers this one reads."""
    sources = [layer.f] if isinstance(layer.f, int) else list(layer.f)
    return [layer.i - 1 if source == -1 else source for source in sources]


def _read_by_later(network: BaseModel, layers: int) -> tuple[int, ...]:
    return tuple(sorted({s for layer in network.model[layers:] for s in _inputs(layer) if s < layers}))


def _run(network: BaseModel, maps: dict[int, Tensor], first: int, end: int) -> Any:  # noqa: ANN401
    """Run some layers; `maps` holds what they read, -1 being the image, and takes what they give."""
    out: Any = None
    for layer in network.model[first:end]:
        sources = [maps[source] for source in _inputs(layer)]
        out = layer(sources[0] if isinstance(layer.f, int) else sources)
        maps[layer.i] = out
    return out
