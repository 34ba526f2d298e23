"""Parts of a network by name, in the order the image passes them: stem, backbone stages, neck, heads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from ultralytics.nn.tasks import BaseModel

GroupName = Literal["stem", "stage2", "stage3", "stage4", "stage5", "neck", "heads"]
GROUPS: tuple[GroupName, ...] = get_args(GroupName)
BACKBONE: tuple[GroupName, ...] = GROUPS[:5]

_NEVER_LEARNT = ".dfl."  # the fixed 0…15 that turn a distribution into an edge


def group_of_layers(network: BaseModel) -> tuple[GroupName, ...]:
    """The group of each layer of `network.model`.

    A stage begins at a convolution that halves the resolution (`stage3` works at 1/8 of it, `stage5` at 1/32), as in
    the backbones that detectors name P1 to P5.
    """
    backbone_length = len(network.yaml["backbone"])
    last = len(network.model) - 1
    groups: list[GroupName] = []
    stage = 0
    for index, layer in enumerate(network.model):
        if index == last:
            groups.append("heads")
        elif index >= backbone_length:
            groups.append("neck")
        else:
            stage += _halves(layer)
            groups.append(GROUPS[min(max(stage, 1), 5) - 1])
    return tuple(groups)


def _halves(layer: torch.nn.Module) -> bool:
    convolution = getattr(layer, "conv", None)
    return isinstance(convolution, torch.nn.Conv2d) and convolution.stride[0] == 2


def group_of_parameters(network: BaseModel) -> dict[str, GroupName]:
    """The group of every parameter that can learn, by its name."""
    layers = group_of_layers(network)
    return {
        name: layers[int(name.split(".")[1])] for name, _ in network.named_parameters() if _NEVER_LEARNT not in name
    }


def set_trainable(network: BaseModel, groups: Iterable[GroupName]) -> None:
    """Let these groups learn and no others; a frozen tensor has no gradient, so that no optimiser can move it."""
    chosen = set(groups)
    of = group_of_parameters(network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(of.get(name) in chosen)
        if not parameter.requires_grad:
            parameter.grad = None


def set_modes(network: BaseModel, groups: Iterable[GroupName], *, statistics: bool) -> None:
    """Training mode; frozen groups normalise with the statistics they have, unless `statistics` are to go on learning."""
    network.train()
    if statistics:
        return
    chosen = set(groups)
    for layer, group in zip(network.model, group_of_layers(network), strict=True):
        if group not in chosen:
            layer.eval()


def trainable_text(network: BaseModel, groups: Iterable[GroupName]) -> str:
    """What learns, for the log: `heads, neck: 1.2 of 3.0 million weights`."""
    chosen = tuple(group for group in GROUPS if group in set(groups))
    weights = sum(p.numel() for p in network.parameters() if p.requires_grad)
    total = sum(p.numel() for p in network.parameters())
    words = "everything" if chosen == GROUPS else ", ".join(chosen)
    return f"{words}: {weights / 1e6:.2f} of {total / 1e6:.2f} million weights"
