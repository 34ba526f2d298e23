"""What to generate: the settings file of the synthetic parts."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lineproof.data.synth.defects import DEFECTS
from lineproof.data.synth.textures import TEXTURES
from lineproof.settings import StrictModel


class SynthSettings(StrictModel):
    """Which surfaces and defects to draw, how large, and how many of each."""

    textures: tuple[str, ...] = Field(min_length=1, description="Surfaces to draw: " + ", ".join(TEXTURES))
    defects: tuple[str, ...] = Field(min_length=1, description="Defect classes to draw: " + ", ".join(DEFECTS))
    size_wh: tuple[int, int] = Field(default=(320, 320), description="Image width and height in pixels, 96 to 2048")
    ok_share: float = Field(default=0.4, ge=0, le=1, description="Share of parts without any defect, 0 to 1")
    defects_per_part: tuple[int, int] = Field(
        default=(1, 2), description="Fewest and most defects on a bad part; crowded parts may get fewer than drawn"
    )
    shots_per_part: int = Field(
        default=1, ge=1, le=64, description="Pictures of the same part with other exposure and shift; one group"
    )

    parts_per_lot: int = Field(default=20, ge=1, description="Parts that share colour, design, lamp and camera")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _known("texture", self.textures, tuple(TEXTURES))
        _known("defect", self.defects, tuple(DEFECTS))
        if not all(96 <= side <= 2048 for side in self.size_wh):
            raise ValueError(f"size_wh: expected 96 to 2048 pixels, got {self.size_wh[0]} x {self.size_wh[1]}")
        fewest, most = self.defects_per_part
        if not 1 <= fewest <= most <= 12:
            raise ValueError(f"defects_per_part: expected 1 <= fewest <= most <= 12, got {fewest}, {most}")
        for name in self.defects:
            if not textures_for(self, name):
                wanted = ", ".join(DEFECTS[name].textures)
                raise ValueError(f"defect '{name}' occurs only on {wanted}; none of them is in textures")
        return self


def textures_for(settings: SynthSettings, defect: str) -> tuple[str, ...]:
    """Return the chosen textures on which a defect may occur."""
    return tuple(t for t in settings.textures if t in DEFECTS[defect].textures)


def _known(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"unknown {what} {', '.join(map(repr, unknown))}; known are {', '.join(known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"{what} names must differ, got {', '.join(names)}")
