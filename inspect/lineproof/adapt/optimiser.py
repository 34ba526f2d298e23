"""The optimiser, with a group of parameters for each part of the network and each kind of tensor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from ultralytics.nn.tasks import BaseModel
from ultralytics.optim import MuSGD

from lineproof.adapt.groups import group_of_parameters
from lineproof.adapt.recipe import Recipe

_NORMS = tuple(kind for name, kind in vars(nn).items() if "Norm" in name)
_MUON, _SGD = 0.2, 1.0  # shares of the two updates, as ultralytics mixes them when it fine-tunes


def build_optimiser(network: BaseModel, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW, SGD or MuSGD; only kernels decay. Each parameter group has `part`, the name of its part of the network."""
    groups = _parameter_groups(network, recipe)
    if recipe.optimiser == "AdamW":
        # One kernel for all tensors: 22 instead of 36 ms a step of yolov8n on one core, of some 500 ms in all.
        fused = next(network.parameters()).device.type in ("cpu", "cuda")
        return torch.optim.AdamW(groups, lr=recipe.lr0, betas=(recipe.momentum, 0.999), fused=fused)
    facts: dict[str, Any] = {"lr": recipe.lr0, "momentum": recipe.momentum, "nesterov": True}
    if recipe.optimiser == "SGD":
        return torch.optim.SGD(groups, **facts)
    build: Any = partial(MuSGD, muon=_MUON, sgd=_SGD)
    made: torch.optim.Optimizer = build(params=[{**group, **facts} for group in groups])
    return made


def _parameter_groups(network: BaseModel, recipe: Recipe) -> list[dict[str, Any]]:
    part_of = group_of_parameters(network)
    sorted_out: dict[tuple[str, str], list[nn.Parameter]] = {}
    for module_name, module in network.named_modules():
        for short, parameter in module.named_parameters(recurse=False):
            name = f"{module_name}.{short}" if module_name else short
            if name in part_of:
                kind = _kind(module, short, parameter, muon=recipe.optimiser == "MuSGD")
                sorted_out.setdefault((part_of[name], kind), []).append(parameter)
    return [
        {
            "params": parameters,
            "part": part,
            "weight_decay": recipe.weight_decay if kind in ("kernel", "muon") else 0.0,
            **({"use_muon": kind == "muon"} if recipe.optimiser == "MuSGD" else {}),
        }
        for (part, kind), parameters in sorted_out.items()
    ]


def _kind(module: nn.Module, short: str, parameter: nn.Parameter, *, muon: bool) -> str:
    if short.endswith("bias"):
        return "bias"
    if isinstance(module, _NORMS):
        return "norm"
    return "muon" if muon and parameter.ndim in (2, 4) else "kernel"


def set_rates(optimiser: torch.optim.Optimizer, rate_of: Mapping[str, float]) -> None:
    """Set the learning rate of each part; of one that is not named it is 0."""
    for group in optimiser.param_groups:
        group["lr"] = rate_of.get(group["part"], 0.0)
