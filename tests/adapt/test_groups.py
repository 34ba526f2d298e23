"""Parts of a network by name, and what freezing them does to a real training run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lineproof.adapt.groups import (
    BACKBONE,
    GROUPS,
    group_of_layers,
    group_of_parameters,
    set_modes,
    set_trainable,
    trainable_text,
)
from lineproof.adapt.network import Architecture, build_network
from lineproof.adapt.optimiser import build_optimiser, set_rates
from lineproof.adapt.recipe import Recipe


def network(name: str = "yolov8n"):
    return build_network(Architecture.parse(name), ("a", "b"))


@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-seg", "yolo11n"])
def test_layers_fall_into_groups_in_the_order_of_the_image(name: str):
    groups = group_of_layers(network(name))
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups[-1] == "heads"
    assert groups.count("heads") == 1


def test_every_parameter_but_the_fixed_bins_has_a_group():
    net = network()
    grouped = set(group_of_parameters(net))
    assert {name for name, _ in net.named_parameters()} - grouped == {"model.22.dfl.conv.weight"}


def test_only_what_was_chosen_learns():
    net = network()
    set_trainable(net, ["heads"])
    of = group_of_parameters(net)
    for name, parameter in net.named_parameters():
        assert parameter.requires_grad == (of.get(name) == "heads"), name
    assert trainable_text(net, ["heads"]).startswith("heads: 0.")
    set_trainable(net, GROUPS)
    assert trainable_text(net, GROUPS).startswith("everything: ")


@pytest.mark.parametrize("statistics", [True, False])
def test_frozen_groups_keep_their_statistics_unless_told_otherwise(statistics: bool):
    net = network()
    set_modes(net, ["neck", "heads"], statistics=statistics)
    before = {name: buffer.clone() for name, buffer in net.named_buffers() if name.endswith("running_mean")}
    net(torch.rand(2, 3, 64, 64))
    layers = group_of_layers(net)
    moved = {
        layers[int(name.split(".")[1])]
        for name, buffer in net.named_buffers()
        if name in before and not torch.equal(buffer, before[name])
    }
    assert moved == (set(GROUPS) if statistics else {"neck", "heads"})


@pytest.mark.parametrize("optimiser", ["AdamW", "SGD", "MuSGD"])
def test_frozen_tensors_do_not_move_and_thawed_ones_do(optimiser: str):
    """Also with weight decay and momentum from a stage before, which move a tensor without any gradient."""
    net = network()
    recipe = Recipe(optimiser=optimiser, weight_decay=0.1)
    made = build_optimiser(net, recipe)
    set_rates(made, dict.fromkeys(GROUPS, 0.01))
    _step(net, made, GROUPS)  # fills the moments of every tensor
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    set_rates(made, dict.fromkeys(["neck", "heads"], 0.01) | dict.fromkeys(BACKBONE, 0.01))
    _step(net, made, ["neck", "heads"])
    of = group_of_parameters(net)
    for name, parameter in net.named_parameters():
        frozen = of.get(name) not in ("neck", "heads")
        assert torch.equal(parameter, before[name]) == frozen, name


def _step(net: torch.nn.Module, optimiser: torch.optim.Optimizer, groups) -> None:
    set_trainable(net, groups)
    set_modes(net, groups, statistics=False)
    maps = net(torch.rand(2, 3, 64, 64))
    tensors = maps.values() if isinstance(maps, dict) else maps
    loss = sum((t.float() ** 2).mean() for t in _flat(tensors))
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()


def _flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    return [tensor for part in value for tensor in _flat(part)]


def test_a_group_has_its_own_rate():
    net = network()
    made = build_optimiser(net, Recipe())
    set_rates(made, {group: 0.1 if group == "stem" else 1.0 for group in GROUPS})
    assert {(group["part"], group["lr"]) for group in made.param_groups} == {
        (group, 0.1 if group == "stem" else 1.0) for group in GROUPS
    }
    count = sum(len(group["params"]) for group in made.param_groups)
    assert count == len(group_of_parameters(net))


def test_recipes_of_the_ladder_are_there(repo: Path):
    from lineproof.adapt.recipe import load_recipe

    assert load_recipe("heads").stages[0].train == ("heads",)
    assert len(load_recipe("staged").stages) == 2
    assert load_recipe("full").stages[0].train == GROUPS
