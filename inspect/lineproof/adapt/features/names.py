"""Names of backbones: short ones for the usual five families, timm's own for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import timm

from lineproof.errors import WeightsError

RANDOM = ":random"  # after a name: the architecture without its knowledge, for tests and for comparison
SUFFIXES = (".safetensors", ".pth", ".bin")  # what cannot carry code comes first

# Each family's small, permissively licensed member. CLIP is the image tower as trained on image-text pairs, not one that
# was fine-tuned to ImageNet afterwards; ViTs are those trained on ImageNet-21k first.
ALIASES = {
    "vit_tiny": "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_small": "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_base": "vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "clip_vit_b32": "vit_base_patch32_clip_224.laion2b",
    "clip_vit_b16": "vit_base_patch16_clip_224.laion2b",
    "dinov2_small": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_small_reg": "vit_small_patch14_reg4_dinov2.lvd142m",
    "dinov2_base": "vit_base_patch14_dinov2.lvd142m",
}


@dataclass(frozen=True, slots=True)
class TimmName:
    """A model of timm as it was asked for."""

    asked: str  # without `:random`
    full: str  # timm's own, with the tag of the weights where one was meant
    random: bool = False
    file: Path | None = None

    @property
    def architecture(self) -> str:
        """Without the tag."""
        return self.full.split(".")[0]

    @property
    def stems(self) -> tuple[str, ...]:
        """How a weights file of this model may be called, without its suffix."""
        return tuple(dict.fromkeys((self.asked, self.full, self.architecture)))


def parse_timm_name(name: str) -> TimmName:
    """A short name, timm's own, either with `:random`, or a file whose name is one of them.

    Raises:
        WeightsError: timm knows no such model; names those that are spelled alike.
    """
    if Path(name).suffix in SUFFIXES:
        inner = parse_timm_name(Path(name).stem)
        return TimmName(inner.asked, inner.full, file=Path(name))
    plain = name.removesuffix(RANDOM)
    full = ALIASES.get(plain, plain)
    architecture, _, tag = full.partition(".")
    if not timm.is_model(architecture) or (tag and full not in timm.list_pretrained(f"{architecture}.*")):
        raise _unknown(name, architecture)
    return TimmName(plain, full, random=name.endswith(RANDOM))


def _unknown(name: str, architecture: str) -> WeightsError:
    close = get_close_matches(architecture, [*ALIASES, *timm.list_models()], n=3)
    alike = f"did you mean {', '.join(close)}? " if close else ""
    return WeightsError(
        f"no backbone {name!r}",
        hint=f"{alike}yolov8n, lineproof-n, resnet18, efficientnet_b0, vit_small, clip_vit_b32, dinov2_small, any name of "
        "timm, or a weights file named after its model",
    )
