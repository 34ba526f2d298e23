"""How to train: every number of a fine-tune, strict, in one YAML file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lineproof.adapt.stages import Stage, check_shares
from lineproof.bundle.tiles import Tiled
from lineproof.core.tiles import Tiling
from lineproof.presets import find_preset
from lineproof.settings import StrictModel, load_settings, parse_settings

STRIDE = 32  # of the coarsest grid of the network

Fraction = Annotated[float, Field(ge=0, le=1)]


def _whole_strides(side: int) -> int:
    if side % STRIDE:
        raise ValueError(f"{side} is not a multiple of {STRIDE}")
    return side


ImageSize = Annotated[int, Field(ge=64, le=2048), AfterValidator(_whole_strides)]

Orientation = Literal["free", "left-right", "fixed"]
_NO_FLIPS: dict[str, tuple[str, ...]] = {
    "free": (),
    "left-right": ("flip_up_down",),
    "fixed": ("flip_left_right", "flip_up_down"),
}


class Geometry(StrictModel):
    """Augmentation that moves pixels: done by the trainer itself, which moves boxes and masks along exactly."""

    mosaic: Fraction = Field(default=1.0, description="probability of composing four images into one")
    close_mosaic: Fraction = Field(default=0.3, description="last share of the run without mosaic, mixup, copy-paste")
    mixup: Fraction = Field(default=0.0, description="probability of blending two images")
    copy_paste: Fraction = Field(default=0.0, description="share of defects copied elsewhere (segmentation)")
    degrees: float = Field(default=0.0, ge=0, le=180, description="rotation up to ± this many degrees")
    translate: Fraction = Field(default=0.1, description="shift up to ± this share of the image")
    scale: Fraction = Field(default=0.5, description="zoom between 1 − scale and 1 + scale")
    shear: float = Field(default=0.0, ge=0, le=45, description="shear up to ± this many degrees")
    orientation: Orientation = Field(
        default="free",
        description="free: the part lies any way round; left-right: it has an up but no left; fixed: it lies one way",
    )
    flip_left_right: Fraction = Field(default=0.5, description="probability of mirroring; 0 unless the part allows it")
    flip_up_down: Fraction = Field(
        default=0.5, description="probability of turning upside down; 0 unless orientation is free"
    )

    @model_validator(mode="before")
    @classmethod
    def _flips_follow_orientation(cls, said: object) -> object:
        """Flips that were not asked for and make no sense are 0."""
        if isinstance(said, dict):
            return {**dict.fromkeys(_NO_FLIPS.get(str(said.get("orientation")), ()), 0.0), **said}
        return said

    @model_validator(mode="after")
    def _no_impossible_flips(self) -> Self:
        for name in _NO_FLIPS[self.orientation]:
            if getattr(self, name) > 0:
                raise ValueError(
                    f"{name} {getattr(self, name)} makes parts that orientation {self.orientation} rules out"
                )
        return self


class Colour(StrictModel):
    """Colour jitter of the trainer; zero for mono cameras, and where colour is what tells a defect."""

    hue: Fraction = Field(default=0.0, description="± share of the colour circle")
    saturation: Fraction = Field(default=0.0, description="± share")
    value: Fraction = Field(default=0.4, description="± share of brightness")


class LossWeights(StrictModel):
    """Gains of the parts of the loss."""

    box: float = Field(default=7.5, gt=0, description="overlap of boxes")
    classes: float = Field(default=0.5, gt=0, description="classification")
    distribution: float = Field(default=1.5, gt=0, description="distribution of box edges")
    balance_classes: Fraction = Field(default=0.0, description="0: as they come; 1: rare classes weigh inversely")


class TileRecipe(Tiled):
    """Cut large images into tiles, so that small defects keep their pixels; the line cuts its frames the same way."""

    slice: int | tuple[int, int] = Field(description="side of a tile in image pixels, or [width, height]")
    overlap: float = Field(default=0.2, ge=0, lt=1, description="share of a tile that its neighbour sees too")
    empty_share: float = Field(default=0.1, ge=0, lt=1, description="of the training tiles, how many show no defect")
    visible_share: Fraction = Field(
        default=0.25, description="a cut defect is learnt from this share on of what a tile can show of it"
    )

    @property
    def tiling(self) -> Tiling:
        """The one definition of tiles that training and line share."""
        slice_wh = (self.slice, self.slice) if isinstance(self.slice, int) else self.slice
        return Tiling.of(slice_wh, self.overlap, self.join)


class Recipe(StrictModel):
    """The content of a recipe file."""

    imgsz: ImageSize = Field(default=320, description="longer side of the network's input in pixels")
    tiles: TileRecipe | None = Field(default=None, description="cut images into tiles; none: whole images")
    steps: int = Field(default=1000, ge=1, le=1_000_000, description="length of the run in steps of the optimiser")
    epochs: int | None = Field(
        default=None, ge=1, le=10_000, description="instead of steps: passes over the training images"
    )
    minutes: float | None = Field(
        default=None, gt=0, le=100_000, description="instead of steps: as much as can be learnt in this time"
    )
    validations: int = Field(default=15, ge=1, le=10_000, description="how often a run is validated, at even distances")
    patience: int | None = Field(
        default=None, ge=1, description="stop after so many validations without a better one; null: never"
    )
    batch: int = Field(default=16, ge=1, le=1024, description="images at a time")
    nominal_batch: int = Field(default=32, ge=1, description="images per step of the optimiser; gradients add up")
    optimiser: Literal["AdamW", "SGD", "MuSGD"] = Field(default="AdamW", description="how weights are updated")
    lr0: float = Field(default=0.001, gt=0, le=1, description="learning rate at its highest")
    lrf: Fraction = Field(default=0.01, description="learning rate at the end, as a share of lr0")
    schedule: Literal["cosine", "linear"] = Field(default="cosine", description="how the learning rate falls")
    momentum: Fraction = Field(default=0.9, description="momentum of SGD, first beta of AdamW")
    weight_decay: float = Field(default=0.0005, ge=0, le=1, description="pull of the weights towards zero")
    warmup_steps: int = Field(default=50, ge=0, description="steps over which the learning rate rises in each stage")
    stages: tuple[Stage, ...] = Field(default=(Stage(),), description="which parts learn when, and how fast")
    sampling: Literal["even", "rare_first"] = Field(
        default="even", description="rare_first: images of rare classes come more often (repeat factors, LVIS)"
    )
    augment: str = Field(default="industrial", description="augmentation preset: a name, or a file")
    paste: Fraction = Field(
        default=0.0, description="probability of pasting a defect of another training image onto an image"
    )
    geometry: Geometry = Field(default=Geometry(), description="augmentation that moves pixels")
    colour: Colour = Field(default=Colour(), description="colour jitter")
    loss: LossWeights = Field(default=LossWeights(), description="gains of the loss")
    mask_ratio: Literal[1, 2, 4] = Field(default=4, description="masks are learnt at 1/ratio of the input size")
    seed: int = Field(default=0, ge=0, lt=2**20, description="of weights, order and augmentation")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto: bf16 where the processor computes it natively, else fp32 (GPU: mixed)"
    )
    workers: int = Field(default=8, ge=0, le=64, description="processes that load images for a GPU; a CPU needs none")
    cache: bool = Field(default=True, description="keep the resized images in memory when they fit")

    @model_validator(mode="after")
    def _steps_are_whole_batches(self) -> Self:
        if self.nominal_batch < self.batch:
            raise ValueError(f"nominal_batch {self.nominal_batch} is less than batch {self.batch}")
        return self

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.minutes is not None:
            raise ValueError("epochs and minutes are both given: the run can have only one length")
        check_shares(self.stages)
        return self


def load_recipe(name: str) -> Recipe:
    """A recipe by name (`default`, `quick`, …) or from a file; raises SettingsError that names file and key."""
    return load_settings(find_preset("recipes", name), Recipe)


def with_changes(recipe: Recipe, **changes: float | None) -> Recipe:
    """The recipe with what the command line said instead; None keeps what it has; validated again."""
    said: dict[str, float | None] = {key: value for key, value in changes.items() if value is not None}
    if {"steps", "epochs", "minutes"} & set(said):  # another length replaces the recipe's own
        said = {"epochs": None, "minutes": None, **said}
    return parse_settings({**recipe.model_dump(), **said}, Recipe, "command line")
