"""A frozen beginning that runs once per image gives what the whole network gives."""

from __future__ import annotations

import pytest
import torch

from lineproof.adapt import frozen_prefix
from lineproof.adapt.augment import Augmentation, load_augmentation
from lineproof.adapt.frozen_prefix import FrozenPrefix, frozen_layers, stands_still
from lineproof.adapt.groups import BACKBONE, GROUPS, set_modes
from lineproof.adapt.network import Architecture, build_network
from lineproof.adapt.recipe import Geometry, Recipe, load_recipe

STILL = Augmentation(transforms=())


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in (value.values() if isinstance(value, dict) else value) for t in flat(part)]


@pytest.mark.parametrize("learning", [("heads",), ("neck", "heads"), ("stage5", "neck", "heads")])
@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-seg", "yolo11n"])
def test_it_gives_what_the_network_gives(name: str, learning):
    net = build_network(Architecture.parse(name), ("a", "b"))
    set_modes(net, learning, statistics=False)
    images = torch.rand(3, 3, 64, 64)
    prefix = FrozenPrefix(net, frozen_layers(net, learning))
    first = flat(prefix(images, ["a", "b", "c"]))
    again = flat(prefix(torch.zeros(3, 3, 64, 64), ["c", "a", "b"]))  # kept: the images are not looked at
    whole = flat(net(images))
    turned = flat(net(images[[2, 0, 1]]))
    assert len(prefix) == 3
    for got, want in zip(first + again, whole + turned, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


def test_gradients_reach_the_heads_alone():
    net = build_network(Architecture.parse("yolov8n"), ("a",))
    set_modes(net, ["heads"], statistics=False)
    out = FrozenPrefix(net, frozen_layers(net, ["heads"]))(torch.rand(2, 3, 64, 64), ["a", "b"])
    sum(t.float().sum() for t in flat(out) if t.requires_grad).backward()
    with_gradient = {name.split(".")[1] for name, p in net.named_parameters() if p.grad is not None}
    assert with_gradient == {"22"}


def test_without_room_nothing_is_kept_and_all_is_right(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frozen_prefix, "_SHARE_OF_MEMORY", 0.0)
    net = build_network(Architecture.parse("yolov8n"), ("a",))
    set_modes(net, ["heads"], statistics=False)
    prefix = FrozenPrefix(net, 22)
    images = torch.rand(2, 3, 64, 64)
    for got, want in zip(flat(prefix(images, ["a", "b"])), flat(net(images)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)
    assert len(prefix) == 0


def test_only_images_that_never_change_are_kept():
    recipe = load_recipe("heads")
    assert stands_still(recipe, STILL)
    assert not stands_still(recipe, load_augmentation("mild"))
    moved = recipe.geometry.model_copy(update={"translate": 0.1})
    assert not stands_still(recipe.model_copy(update={"geometry": moved}), STILL)
    assert not stands_still(recipe.model_copy(update={"paste": 0.1}), STILL)
    assert not stands_still(Recipe(geometry=Geometry(mosaic=0.0)), STILL)


def test_layers_that_do_not_learn_are_counted_from_the_first():
    net = build_network(Architecture.parse("yolov8n"), ("a",))
    assert frozen_layers(net, GROUPS) == 0
    assert frozen_layers(net, ("heads",)) == 22
    assert frozen_layers(net, ("stem", "heads")) == 0
    assert frozen_layers(net, BACKBONE[1:]) == 1
