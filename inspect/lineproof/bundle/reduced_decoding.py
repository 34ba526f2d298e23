"""What a bundle says about JPEGs that are decoded smaller, measured when it was sealed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lineproof.settings import StrictModel

# Below it nothing is proven: of 30 images without a flip, the true rate may still be 12 % (95 %, Clopper–Pearson).
MIN_IMAGES = 30


class ReducedDecoding(StrictModel):
    """One reduction, beside decoding in full, through the runtime engine on the validation images that are large JPEGs."""

    reduction: Literal[2, 4, 8] = Field(description="so many times smaller, each way")
    images: int = Field(ge=1, description="images compared: JPEGs that stay as large as the model's input")
    decision_flips: int = Field(ge=0, description="images decided otherwise than when decoded in full")
    map50_full: float | None = Field(default=None, description="boxes, mAP at IoU 0.5, decoded in full")
    map50_reduced: float | None = Field(default=None, description="the same, decoded smaller")
    allowed: bool = Field(description="whether the line may decode so")

    @model_validator(mode="after")
    def _proven(self) -> Self:
        if self.allowed and self.images < MIN_IMAGES:
            raise ValueError(f"allowed after {self.images} images, {MIN_IMAGES} are needed")
        if self.allowed and self.decision_flips:
            raise ValueError(f"allowed though {self.decision_flips} decisions change")
        return self
