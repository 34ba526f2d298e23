"""The transforms a preset may ask for, each with the limits within which it makes sense."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated, ClassVar, Literal, Self

import albumentations as A  # noqa: N812 (its own documentation calls it so)
from pydantic import Field, model_validator

from lineproof.adapt.augment import effects
from lineproof.settings import StrictModel

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=-1, le=1)]
Positive = Annotated[float, Field(gt=0, le=10)]
Kernel = Annotated[int, Field(ge=3, le=31)]
Stops = Annotated[float, Field(ge=-4, le=4)]
Count = Annotated[int, Field(ge=0, le=200)]
Size = Annotated[float, Field(gt=0, le=0.5)]
Stretch = Annotated[float, Field(ge=1, le=100)]
Peak = Annotated[float, Field(gt=0, le=2)]
Length = Annotated[float, Field(ge=1, le=64)]
Radius = Annotated[float, Field(gt=0, le=15)]
Electrons = Annotated[float, Field(ge=10, le=1_000_000)]
Levels = Annotated[float, Field(ge=0, le=64)]


class _Step(StrictModel):
    """One transform; its fields are those of the class of that name."""

    made_by: ClassVar[ModuleType] = A
    blurs: ClassVar[bool] = False  # in front of the sensor, whose noise gets no less by it

    p: Probability = Field(description="probability for one image")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name, value in self:
            if isinstance(value, tuple) and name != "tile_grid_size" and value[0] > value[1]:
                raise ValueError(f"{name}: {value[0]} is more than {value[1]}")
        return self

    def build(self) -> A.BasicTransform:
        """The transform itself."""
        arguments = self.model_dump(exclude={"name"})
        transform: A.BasicTransform = getattr(self.made_by, self.name)(**arguments)  # type: ignore[attr-defined]
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


class AnyIllumination(_Step):
    """A shaded corner, a spot of light; `LightGradient` does the linear one in a tenth of the time."""

    name: Literal["Illumination"]
    mode: Literal["linear", "corner", "gaussian"] = Field(default="linear", description="shape of the gradient")
    intensity_range: tuple[Annotated[float, Field(ge=0.01, le=0.2)], Annotated[float, Field(ge=0.01, le=0.2)]] = Field(
        default=(0.02, 0.15), description="strength"
    )
    effect_type: Literal["brighten", "darken", "both"] = Field(default="both", description="direction of the change")


class MotionBlur(_Step):
    """A part that moved in any direction during the exposure."""

    blurs: ClassVar[bool] = True

    name: Literal["MotionBlur"]
    blur_limit: tuple[Kernel, Kernel] = Field(default=(3, 5), description="length in pixels, odd")


class DefocusOf(_Step):
    """Whole radii; `OutOfFocus` does the same with any radius in a tenth of the time."""

    blurs: ClassVar[bool] = True

    name: Literal["Defocus"]
    radius: tuple[Annotated[int, Field(ge=1, le=15)], Annotated[int, Field(ge=1, le=15)]] = Field(
        default=(1, 2), description="radius in pixels"
    )


class ConstantNoise(_Step):
    """Noise that is the same in dark and bright places."""

    name: Literal["GaussNoise"]
    std_range: tuple[Probability, Probability] = Field(default=(0.01, 0.04), description="share of the range")
    per_channel: bool = Field(default=False, description="colour noise")


class Compression(_Step):
    """Images that went through a JPEG encoder."""

    name: Literal["ImageCompression"]
    quality_range: tuple[Annotated[int, Field(ge=20, le=100)], Annotated[int, Field(ge=20, le=100)]] = Field(
        default=(70, 95), description="JPEG quality"
    )


class _Own(_Step):
    """One of lineproof's own effects."""

    made_by: ClassVar[ModuleType] = effects


class Exposure(_Own):
    """A longer or shorter exposure, an older lamp."""

    name: Literal["Exposure"]
    stops: tuple[Stops, Stops] = Field(default=(-0.5, 0.5), description="powers of two; 0 changes nothing")


class LightGradient(_Own):
    """A lamp from one side."""

    name: Literal["LightGradient"]
    strength: tuple[Probability, Probability] = Field(
        default=(0.05, 0.25), description="gain from 1 − strength on one side to 1 + strength opposite"
    )


class SpecularHighlight(_Own):
    """What a shiny part shows of its lamp: soft blobs and streaks, saturated in the middle."""

    name: Literal["SpecularHighlight"]
    count: tuple[Count, Count] = Field(default=(1, 2), description="highlights on an image")
    size: tuple[Size, Size] = Field(
        default=(0.02, 0.06), description="standard deviation across, as a share of the image's shorter side"
    )
    stretch: tuple[Stretch, Stretch] = Field(default=(1.0, 6.0), description="times as long as wide; 1 is a blob")
    peak: tuple[Peak, Peak] = Field(
        default=(0.5, 1.2), description="light added in the middle, as a share of the range; more saturates"
    )


class BeltBlur(_Own):
    """Motion along the belt during the exposure."""

    blurs: ClassVar[bool] = True

    name: Literal["BeltBlur"]
    length_px: tuple[Length, Length] = Field(
        default=(2.0, 6.0), description="way during the exposure, in pixels of the network's input; 1 changes nothing"
    )
    angle_deg: Annotated[float, Field(ge=-180, le=180)] = Field(
        default=0.0, description="direction of the belt: 0 along the rows, 90 along the columns"
    )
    spread_deg: Annotated[float, Field(ge=0, le=90)] = Field(default=2.0, description="± of the direction")


class OutOfFocus(_Own):
    """A part at another height: each point becomes a disc."""

    blurs: ClassVar[bool] = True

    name: Literal["OutOfFocus"]
    radius_px: tuple[Radius, Radius] = Field(
        default=(0.5, 2.0), description="of the disc, in pixels of the network's input; 0.5 changes nothing"
    )


class SensorNoise(_Own):
    """Shot noise, which grows with the root of the signal, and read noise; the same in all channels."""

    name: Literal["SensorNoise"]
    white_electrons: tuple[Electrons, Electrons] = Field(
        default=(1000, 10000), description="electrons of a white pixel; fewer are noisier: 255/√n grey levels at white"
    )
    read_noise: tuple[Levels, Levels] = Field(default=(0.5, 2.0), description="standard deviation in grey levels")


class Dust(_Own):
    """Specks and fibres on the part or the window; only where dust is not a defect."""

    name: Literal["Dust"]
    count: tuple[Count, Count] = Field(default=(1, 6), description="particles on an image")
    radius_px: tuple[Radius, Radius] = Field(default=(0.6, 1.8), description="of a speck, in pixels")
    fibre_share: Probability = Field(default=0.3, description="share of the particles that are fibres")
    fibre_px: tuple[Length, Length] = Field(default=(8.0, 30.0), description="length of a fibre in pixels")
    tone: tuple[Probability, Probability] = Field(default=(0.1, 0.4), description="grey: 0 is black, 1 is white")
    opacity: tuple[Probability, Probability] = Field(default=(0.3, 0.8), description="1 hides what lies below")


Step = Annotated[
    Exposure
    | LightGradient
    | SpecularHighlight
    | BeltBlur
    | OutOfFocus
    | SensorNoise
    | Dust
    | BrightnessContrast
    | Gamma
    | LocalContrast
    | AnyIllumination
    | MotionBlur
    | DefocusOf
    | ConstantNoise
    | Compression,
    Field(discriminator="name"),
]
