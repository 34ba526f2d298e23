"""What a good frame of this camera looks like, as written into a line file by `lineproof commission`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from lineproof.settings import StrictModel


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"{pair[0]} is above {pair[1]}: swap them")
    return pair


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]


class PositionSettings(StrictModel):
    """Where the picture's steady things are; relative to the template."""

    template: Path = Field(description="PNG of the learnt picture, reduced; relative to the line file")
    max_shift_px: float = Field(gt=0, description="farther than this, in camera pixels, and the camera has moved")
    max_turn_deg: float = Field(gt=0, le=180, description="turned by more than this, the same")
    min_match: float = Field(ge=-1, le=1, description="correlation of the steady pixels; less: another picture")


class QualitySettings(StrictModel):
    """Limits of a good frame; a frame outside one of them is no inspection: neither PASS nor FAIL but FAULT."""

    image_wh: tuple[int, int] | None = Field(default=None, description="camera's picture when commissioned, px")
    mean: Range | None = Field(default=None, description="grey level, 0–255: below is dark, above is overexposed")
    min_contrast: float | None = Field(
        default=None, ge=0, description="grey levels between the darkest and the brightest 1 %"
    )
    max_saturated: float | None = Field(default=None, ge=0, le=1, description="share of pixels at 250 or more")
    max_dark: float | None = Field(default=None, ge=0, le=1, description="share of pixels at 5 or less")
    left_right: Range | None = Field(default=None, description="mean of the left half by that of the right")
    top_bottom: Range | None = Field(default=None, description="mean of the upper half by that of the lower")
    min_sharpness_fine: float | None = Field(default=None, ge=0, description="less: out of focus")
    min_sharpness_coarse: float | None = Field(
        default=None, ge=0, description="less: out of focus, even where the sensor's noise looks sharp"
    )
    position: PositionSettings | None = Field(
        default=None, description="default: where the camera looks is not checked"
    )
    n_in_a_row: int = Field(
        default=3, ge=1, description="so many bad frames in a row are faults of their parts; one more is a camera fault"
    )

    def located(self, folder: Path) -> Self:
        """The same settings with the template's path taken from `folder` where it is relative."""
        if self.position is None:
            return self
        position = self.position.model_copy(update={"template": folder / self.position.template})
        return self.model_copy(update={"position": position})
