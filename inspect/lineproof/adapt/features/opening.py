"""Open a backbone by name or file: YOLO through lineproof's own bases, everything else through timm."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from math import lcm
from pathlib import Path
from typing import Any, Literal

import safetensors
import timm
import torch
from timm.data import resolve_model_data_config
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lineproof.adapt.bases import AUTO, OWN, best_at_hand, find_base
from lineproof.adapt.features.backbone import Backbone
from lineproof.adapt.features.graph import FeatureGraph, Pooling
from lineproof.adapt.features.names import RANDOM, TimmName, parse_timm_name
from lineproof.adapt.features.trunk import PLAIN, ConvTrunk, Normalisation, Strides, TokenTrunk, Trunk, YoloTrunk
from lineproof.adapt.features.weights_file import find_weights_file
from lineproof.adapt.network import Architecture, Weights, build_network
from lineproof.bundle.manifest import BaseWeights
from lineproof.engine.letterbox import STRIDE
from lineproof.errors import InputError, WeightsError

Say = Callable[[str], None]

MAX_IMGSZ = 2048
_SEED = 0  # of random weights: the same everywhere


def open_backbone(
    name: str,
    *,
    imgsz: int = 224,
    say: Say = lambda _: None,
    pooling: Pooling | Literal["auto"] = "mean",
    levels: Strides | None = None,
    neck: bool = False,
) -> Backbone:
    """A frozen network for images letterboxed to `imgsz` × `imgsz`.

    `name`: auto (yolov8n where it is at hand, else lineproof-n), yolov8n, …, lineproof-n, a .pt or .safetensors file; resnet50, efficientnet_b0, vit_small, clip_vit_b32,
    dinov2_small or any other of timm's; each with `:random` for the architecture without its knowledge. `pooling` auto
    is max for detectors (measured), mean and max for other maps, class token and mean for transformers. `levels` are the strides of the
    maps to take (default: 8, 16 and 32); `neck` takes a YOLO's maps after its neck instead of before.

    Raises:
        WeightsError: no such model, or its weights cannot be had or do not fit; says where it was looked for.
        InputError: a size that the model or the line cannot take.
    """
    if imgsz % STRIDE or not STRIDE <= imgsz <= MAX_IMGSZ:
        raise InputError(f"imgsz {imgsz}: must be a multiple of {STRIDE} from {STRIDE} to {MAX_IMGSZ}")
    name = best_at_hand("detect") if name == AUTO else name
    random = name.endswith(RANDOM)
    weights = _yolo_weights(name, say)
    if weights is not None:
        trunk: Trunk = YoloTrunk(_fused(weights), imgsz, neck=neck, levels=levels)
        normalisation = PLAIN
        card = _card(_short(name), weights.sha256, weights.licence)
    else:
        trunk, normalisation, card = _timm_trunk(parse_timm_name(name), imgsz, levels, say)
    if random:
        say(f"warning: {name}: random weights: it knows nothing, its figures say nothing about the real one")
    elif "nc" in card.licence.lower().split("-"):
        say(f"warning: {name}: its licence, {card.licence}, does not allow commercial use")
    chosen: Pooling = _best_pooling(trunk) if pooling == "auto" else pooling
    return Backbone(_short(name), FeatureGraph(trunk, normalisation, chosen), imgsz, card, random=random)


def best_imgsz(name: str) -> int:
    """The size to take when none was asked for: what a detector's features tell most at, and what timm's were trained at.

    Magnetic tiles (141 validation images, yolov8n, defect or not): area under the curve 0.74 at 224 px, 0.85 at 320,
    0.83 at 448, where the features take twice as long.
    """
    plain = name.removesuffix(RANDOM)
    detector = plain in (OWN, AUTO) or Architecture.parse(plain) is not None or _is_detector_file(Path(plain))
    return 320 if detector else 224


def _best_pooling(trunk: Trunk) -> Pooling:
    """Magnetic tiles as above, at 320 px: mean 0.77, max 0.85, both 0.84 with twice the features."""
    if isinstance(trunk, YoloTrunk):
        return "max"  # a defect is a few cells that answer strongly; a mean drowns them
    return "token+mean" if trunk.token_width else "mean+max"


def _card(name: str, sha256: str, licence: str) -> BaseWeights:
    transferred = "none: random weights" if name.endswith(RANDOM) else "all, frozen"
    return BaseWeights(name=name, sha256=sha256, licence=licence, transferred=transferred)


def _short(name: str) -> str:
    return Path(name).name


def _yolo_weights(name: str, say: Say) -> Weights | None:
    """Weights of a detector; None where the name or the file is one of timm's."""
    plain = name.removesuffix(RANDOM)
    architecture = Architecture.parse(plain)
    if name.endswith(RANDOM):
        return None if architecture is None else _random_yolo(architecture)
    if architecture is None and plain != OWN and not _is_detector_file(Path(name)):
        return None
    return find_base(name, "detect" if architecture is None else architecture.task, say)


def _is_detector_file(path: Path) -> bool:
    """Whether a file is lineproof's or ultralytics'; timm's files carry nothing but tensors and are named by their model."""
    if path.suffix != ".safetensors":
        return path.suffix == ".pt"
    try:
        with safetensors.safe_open(path, "pt") as file:
            return "model_yaml" in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False  # said by whoever reads it


def _random_yolo(architecture: Architecture) -> Weights:
    torch.manual_seed(_SEED)
    network = build_network(architecture, ("defect",))
    facts = {"licence": "AGPL-3.0"}
    return Weights(Path(), _state_digest(network), network.state_dict(), architecture, ("defect",), facts)


def _fused(weights: Weights) -> Any:  # noqa: ANN401 (of ultralytics)
    network = copy.deepcopy(weights.network()).cpu().float().eval()
    for parameter in network.parameters():
        parameter.requires_grad_(requires_grad=False)
    return network.fuse(verbose=False)


def _timm_trunk(
    name: TimmName, imgsz: int, levels: Strides | None, say: Say
) -> tuple[Trunk, Normalisation, BaseWeights]:
    file = None if name.random else find_weights_file(name, say)
    model = _built(name, imgsz, file)
    config = resolve_model_data_config(model)
    trunk = _trunk_of(name, model, imgsz, levels)
    sha256 = _state_digest(trunk) if file is None else hashlib.sha256(file.read_bytes()).hexdigest()
    licence = str(model.pretrained_cfg.get("license") or "see the model's card")
    card = _card(name.asked + (RANDOM if name.random else ""), sha256, licence)
    return trunk, Normalisation(tuple(config["mean"]), tuple(config["std"])), card


def _trunk_of(name: TimmName, model: Any, imgsz: int, levels: Strides | None) -> Trunk:  # noqa: ANN401 (no types)
    if isinstance(model, VisionTransformer):
        patch_px = int(model.patch_embed.patch_size[0])
        if imgsz % patch_px:
            raise InputError(
                f"imgsz {imgsz}: {name.asked} cuts the image into patches of {patch_px} px",
                hint=f"take a multiple of {lcm(STRIDE, patch_px)}",
            )
        return TokenTrunk(model, patch_px)
    if not hasattr(model, "forward_intermediates"):
        raise WeightsError(f"{name.asked}: timm gives no feature maps of it", hint="take resnet50 or vit_small")
    return ConvTrunk(model, levels=levels)


def _built(name: TimmName, imgsz: int, file: Path | None) -> Any:  # noqa: ANN401 (timm has no types)
    """The model for this image size, filled from the file by timm's own loader, which resamples position embeddings."""
    fresh = _created(name, imgsz, None)
    if file is None:
        return fresh
    try:
        model = _created(name, imgsz, file)
    except (RuntimeError, KeyError, ValueError, OSError, EOFError, safetensors.SafetensorError) as error:
        reason = str(error).strip().splitlines()[-1].strip()[:160]
        raise WeightsError(f"{file}: not the weights of {name.architecture}: {reason}") from None
    _check_filled(fresh.state_dict(), model.state_dict(), name, file)
    return model


def _created(name: TimmName, imgsz: int, file: Path | None) -> Any:  # noqa: ANN401 (timm has no types)
    torch.manual_seed(_SEED)
    sized = {"img_size": imgsz} if _has_fixed_size(name) else {}
    # custom_load would read an original .npz; what lies on the hub, and so in files, are timm's own state dicts.
    overlay = {} if file is None else {"pretrained_cfg_overlay": {"file": str(file), "custom_load": False}}
    return timm.create_model(name.full, pretrained=file is not None, num_classes=0, **sized, **overlay).eval()


def _has_fixed_size(name: TimmName) -> bool:
    config = timm.get_pretrained_cfg(name.full)
    return bool(config is not None and config.fixed_input_size)


def _check_filled(fresh: dict[str, Tensor], filled: dict[str, Tensor], name: TimmName, file: Path) -> None:
    """Of what a file does not hold timm says nothing: a weight that is still as it was drawn at random was not in it."""
    left = [key for key, value in filled.items() if value.dim() > 1 and value.std() > 0 and value.equal(fresh[key])]
    if left:
        raise WeightsError(
            f"{file}: holds no weights for {len(left)} tensors of {name.architecture}, such as {left[0]}",
            hint="the file must be named after its model, and be timm's",
        )


def _state_digest(module: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
