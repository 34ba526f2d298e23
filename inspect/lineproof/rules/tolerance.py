"""What the customer allows, per class: score, area, count and zone."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lineproof.settings import StrictModel

Point = tuple[float, float]


class Zone(StrictModel):
    """A named polygon in frame pixels; a detection is in it when the centre of its box is."""

    polygon: list[Point] = Field(min_length=3, description="corner points [x, y] in pixels of the camera image")


class Tolerance(StrictModel):
    """The limit for one class. A detection counts when it is sure enough, large enough and in one of the zones."""

    score: float | None = Field(
        default=None, ge=0, le=1, description="sure from here on; default: the bundle's own threshold"
    )
    review_score: float | None = Field(
        default=None, ge=0, le=1, description="unsure from here up to `score`: a person looks; default: no review band"
    )
    min_area_px2: float = Field(default=0, ge=0, description="smaller detections are tolerated, in px²")
    min_area_mm2: float | None = Field(default=None, ge=0, description="the same in mm²; needs the line's mm_per_px")
    max_count: int = Field(default=0, ge=0, description="how many such detections a good part may have")
    zones: list[str] = Field(default_factory=list, description="only in these zones; empty: the whole image")
    ignore: bool = Field(default=False, description="this class never rejects a part")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.score is not None and self.review_score is not None and self.review_score > self.score:
            raise ValueError(f"review_score {self.review_score} is above score {self.score}: swap them")
        return self


class Rules(StrictModel):
    """Tolerances by class name; a class that is not named gets `default`."""

    mm_per_px: float | None = Field(default=None, gt=0, description="size of one camera pixel on the part, in mm")
    zones: dict[str, Zone] = Field(default_factory=dict, description="named polygons")
    default: Tolerance = Field(default_factory=Tolerance, description="for every class that has no entry of its own")
    classes: dict[str, Tolerance] = Field(default_factory=dict, description="tolerance by class name")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, tolerance in {"default": self.default, **self.classes}.items():
            if tolerance.min_area_mm2 is not None and self.mm_per_px is None:
                raise ValueError(f"{name}.min_area_mm2 needs mm_per_px: measure a known length in the image")
            missing = [zone for zone in tolerance.zones if zone not in self.zones]
            if missing:
                raise ValueError(
                    f"{name}.zones: no zone named {missing[0]!r}; there are {sorted(self.zones) or 'none'}"
                )
        return self
