"""Changes of light, focus and noise during training: asked for in YAML, built by albumentations, and proven to be there."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol, Self

import albumentations as A  # noqa: N812 (its own documentation calls it so)
from pydantic import Field, model_validator

from lineproof.adapt.presets import find_preset
from lineproof.errors import GateError
from lineproof.settings import StrictModel, load_settings

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=-1, le=1)]
Positive = Annotated[float, Field(gt=0, le=10)]
Kernel = Annotated[int, Field(ge=3, le=31)]


class _Step(StrictModel):
    """One transform; its fields are those of the albumentations class of that name."""

    p: Probability = Field(description="probability for one image")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name, value in self:
            if isinstance(value, tuple) and name != "tile_grid_size" and value[0] > value[1]:
                raise ValueError(f"{name}: {value[0]} is more than {value[1]}")
        return self

    def build(self) -> A.BasicTransform:
        """The albumentations transform."""
        arguments = self.model_dump(exclude={"name"})
        transform: A.BasicTransform = getattr(A, self.name)(**arguments)  # type: ignore[attr-defined]
        return transform


class BrightnessContrast(_Step):
    """A lamp that ages, an exposure that drifts."""

    name: Literal["RandomBrightnessContrast"]
    brightness_limit: tuple[Share, Share] = Field(default=(-0.2, 0.2), description="± share of the range")
    contrast_limit: tuple[Share, Share] = Field(default=(-0.2, 0.2), description="± share")


class Gamma(_Step):
    """Another camera's tone curve."""

    name: Literal["RandomGamma"]
    gamma_limit: tuple[Annotated[int, Field(ge=20)], Annotated[int, Field(le=300)]] = Field(
        default=(80, 120), description="percent; 100 changes nothing"
    )


class LocalContrast(_Step):
    """Mild local equalisation."""

    name: Literal["CLAHE"]
    clip_limit: tuple[Positive, Positive] = Field(default=(1.0, 2.0), description="contrast limit; 1 is mild")
    tile_grid_size: tuple[Annotated[int, Field(ge=2, le=32)], Annotated[int, Field(ge=2, le=32)]] = Field(
        default=(8, 8), description="tiles across and down"
    )


class IlluminationGradient(_Step):
    """A lamp from one side, a shaded corner."""

    name: Literal["Illumination"]
    mode: Literal["linear", "corner", "gaussian"] = Field(default="linear", description="shape of the gradient")
    intensity_range: tuple[Annotated[float, Field(ge=0.01, le=0.2)], Annotated[float, Field(ge=0.01, le=0.2)]] = Field(
        default=(0.02, 0.15), description="strength"
    )
    effect_type: Literal["brighten", "darken", "both"] = Field(default="both", description="direction of the change")


class MotionBlur(_Step):
    """A part that moved during the exposure."""

    name: Literal["MotionBlur"]
    blur_limit: tuple[Kernel, Kernel] = Field(default=(3, 5), description="length in pixels, odd")


class OutOfFocus(_Step):
    """A part at another height."""

    name: Literal["Defocus"]
    radius: tuple[Annotated[int, Field(ge=1, le=15)], Annotated[int, Field(ge=1, le=15)]] = Field(
        default=(1, 2), description="radius in pixels"
    )


class SensorNoise(_Step):
    """A short exposure; the same noise in all channels, as a mono camera has."""

    name: Literal["GaussNoise"]
    std_range: tuple[Probability, Probability] = Field(default=(0.01, 0.04), description="share of the range")
    per_channel: bool = Field(default=False, description="colour noise")


class Compression(_Step):
    """Images that went through a JPEG encoder."""

    name: Literal["ImageCompression"]
    quality_range: tuple[Annotated[int, Field(ge=20, le=100)], Annotated[int, Field(ge=20, le=100)]] = Field(
        default=(70, 95), description="JPEG quality"
    )


Step = Annotated[
    BrightnessContrast
    | Gamma
    | LocalContrast
    | IlluminationGradient
    | MotionBlur
    | OutOfFocus
    | SensorNoise
    | Compression,
    Field(discriminator="name"),
]


class Augmentation(StrictModel):
    """The content of an augmentation preset; what moves pixels is the recipe's `geometry`."""

    transforms: tuple[Step, ...] = Field(description="in this order; an empty list changes nothing")

    def build(self) -> list[A.BasicTransform]:
        """Fresh albumentations transforms, for the trainer's `augmentations` argument."""
        return [step.build() for step in self.transforms]


class _Images(Protocol):
    """What is looked at of a training dataset."""

    transforms: Any  # ultralytics' own Compose


def load_augmentation(name: str) -> Augmentation:
    """A preset by name (`industrial`, `none`, …) or from a file; raises SettingsError that names file and key."""
    return load_settings(find_preset("augment", name), Augmentation)


def check_installed(dataset: _Images, asked: Augmentation) -> None:
    """Refuse to train unless the dataset applies exactly what was asked for, always, in this order.

    The trainer goes on without a pipeline it could not build, and says so in a log line only.

    Raises:
        GateError: it is missing, doubled, skipped at random, or differs; says how.
    """
    found = [t for t in dataset.transforms.transforms if type(t).__name__ == "Albumentations"]
    if len(found) != 1:
        raise GateError(
            f"augmentation: expected one albumentations step in the trainer, found {len(found)}", hint=_HINT
        )
    step = found[0]
    if step.transform is None:
        raise GateError("augmentation: the trainer could not build what the preset asks for", hint=_HINT)
    if step.p != 1:
        raise GateError(f"augmentation: the trainer applies it with probability {step.p}, not always", hint=_HINT)
    built = [A.to_dict(transform)["transform"] for transform in step.transform.transforms]
    wanted = [A.to_dict(transform)["transform"] for transform in asked.build()]
    if built != wanted:
        raise GateError(f"augmentation: the trainer built {_names(built)}, asked was {_names(wanted)}", hint=_HINT)


_HINT = "nothing was trained; check the versions of albumentations and ultralytics with `lineproof doctor`"


def _names(transforms: list[dict[str, Any]]) -> str:
    return ", ".join(f"{t['__class_fullname__'].split('.')[-1]}(p={t['p']})" for t in transforms) or "nothing"
