from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from lineproof.adapt.features import best_imgsz, open_backbone
from lineproof.adapt.isolation import SWITCHES
from lineproof.errors import InputError, WeightsError

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 255, (40, 70, 3), dtype=np.uint8), RNG.integers(0, 255, (90, 30, 3), dtype=np.uint8)]


def save_random(folder: Path, name: str, file: str, **settings: object) -> Path:
    """Random weights as timm writes them, classifier and all."""
    torch.manual_seed(7)
    model = timm.create_model(name, pretrained=False, **settings)
    folder.mkdir(exist_ok=True)
    path = folder / file
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(model.state_dict(), path)
    else:
        torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("name", "imgsz", "side", "d"),
    [
        ("yolov8n:random", 64, 8, 448),
        ("lineproof-n", 64, 8, 448),
        ("resnet18:random", 64, 8, 128 + 256 + 512),
        ("efficientnet_b0:random", 64, 8, 40 + 112 + 320),
        ("vit_tiny:random", 64, 4, 192),
        ("vit_xsmall_patch16_clip_224:random", 64, 4, 256),
        ("dinov2_small:random", 224, 16, 384),
    ],
)
def test_every_family_gives_pooled_and_patch_features(name, imgsz, side, d):
    said: list[str] = []
    backbone = open_backbone(name, imgsz=imgsz, say=said.append)
    pooled, patches = backbone.pooled(IMAGES), backbone.patches(IMAGES)
    assert pooled.shape == (2, d) == (2, backbone.dimension)
    assert patches.shape == (2, side, side, d)
    assert pooled.dtype == patches.dtype == np.float32
    np.testing.assert_allclose(patches.mean((1, 2)), pooled, atol=1e-4)
    assert backbone.random == name.endswith(":random") == any("random weights" in line for line in said)
    assert backbone.card.transferred == ("none: random weights" if backbone.random else "all, frozen")


def test_pooling_decides_what_a_vector_holds():
    mean, peak, both = (
        open_backbone("resnet18:random", imgsz=64, pooling=p).pooled(IMAGES) for p in ("mean", "max", "mean+max")
    )
    np.testing.assert_array_equal(both, np.hstack([mean, peak]))
    assert (peak >= mean - 1e-6).all()
    token = open_backbone("vit_tiny:random", imgsz=64, pooling="auto")
    assert token.graph.pooling == "token+mean"
    assert token.pooled(IMAGES).shape == (2, 2 * 192)


def test_levels_choose_maps():
    one = open_backbone("resnet18:random", imgsz=64, levels=(16,))
    assert one.patches(IMAGES).shape == (2, 4, 4, 256)
    with pytest.raises(InputError, match="maps at strides 8, 16, 32"):
        open_backbone("resnet18:random", imgsz=64, levels=(4,))


def test_weights_file_is_found_by_any_of_its_names(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(tmp_path / "weights"))
    save_random(tmp_path / "weights", "vit_tiny_patch16_224", "vit_tiny.safetensors", img_size=224)
    backbone = open_backbone("vit_tiny", imgsz=64)  # position embeddings of 14 × 14 become 4 × 4
    assert not backbone.random
    assert not np.allclose(backbone.pooled(IMAGES), open_backbone("vit_tiny:random", imgsz=64).pooled(IMAGES))
    full = save_random(tmp_path / "other", "vit_tiny_patch16_224", "vit_tiny_patch16_224.pth")
    assert open_backbone(str(full), imgsz=64).pooled(IMAGES) == pytest.approx(backbone.pooled(IMAGES))


def test_loaded_weights_are_those_of_the_file(tmp_path):
    path = save_random(tmp_path, "resnet18", "resnet18.safetensors")
    backbone = open_backbone(str(path), imgsz=64)
    state = safetensors.torch.load_file(path)
    loaded = dict(backbone.graph.trunk.model.named_parameters())
    assert len(loaded) == 60
    for key, value in loaded.items():
        assert torch.equal(value, state[key])


def test_missing_weights_say_where_they_were_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        open_backbone("resnet18")
    assert str(tmp_path / "resnet18.*") in str(caught.value)
    assert "LINEPROOF_OFFLINE is set" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(tmp_path):
    wrong = save_random(tmp_path, "resnet50", "resnet18.safetensors")
    with pytest.raises(WeightsError, match="not the weights of resnet18"):
        open_backbone(str(wrong), imgsz=64)
    bigger = save_random(tmp_path, "vit_tiny_patch16_224", "vit_small.safetensors")
    with pytest.raises(WeightsError, match="not the weights of vit_small"):
        open_backbone(str(bigger), imgsz=64)


def test_file_that_lacks_weights_is_refused(tmp_path):
    path = tmp_path / "resnet18.safetensors"
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    safetensors.torch.save_file({key: value for key, value in state.items() if "layer3" not in key}, path)
    with pytest.raises(WeightsError, match=r"resnet18.safetensors: (not the weights|holds no weights)"):
        open_backbone(str(path), imgsz=64)


def test_damaged_file_is_refused(tmp_path):
    for name in ("resnet18.safetensors", "resnet18.pth", "resnet18.bin"):
        (tmp_path / name).write_bytes(b"nothing of use")
        with pytest.raises(WeightsError, match=name):
            open_backbone(str(tmp_path / name), imgsz=64)


def test_bad_names_and_sizes_are_one_clear_line():
    with pytest.raises(WeightsError, match=r"no backbone 'resnet19'.*resnet18"):
        open_backbone("resnet19")
    with pytest.raises(WeightsError, match="no such file"):
        open_backbone("nowhere/resnet18.pth")
    with pytest.raises(InputError, match="imgsz 100: must be a multiple of 32"):
        open_backbone("resnet18:random", imgsz=100)
    with pytest.raises(InputError, match=r"patches of 14 px.*multiple of 224"):
        open_backbone("dinov2_small:random", imgsz=320)
    with pytest.raises(InputError, match="no class token"):
        open_backbone("resnet18:random", imgsz=64, pooling="token")


def test_nothing_is_reported_to_the_hub():
    assert SWITCHES["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY


@pytest.mark.parametrize(
    ("name", "imgsz"),
    [
        ("auto", 320),
        ("lineproof-n", 320),
        ("yolov8s:random", 320),
        ("best.pt", 320),
        ("resnet18", 224),
        ("vit_small", 224),
    ],
)
def test_size_that_suits_the_backbone(name, imgsz):
    assert best_imgsz(name) == imgsz
