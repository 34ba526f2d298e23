"""What a bundle says about tiles: the line cuts frames as training cut its images."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lineproof.core.tiles import LEAST_SIDE_PX, Tiling
from lineproof.errors import InputError
from lineproof.settings import StrictModel

# A classifier answers for the whole part: it has no boxes to be put together again.
_TASKS = frozenset(("detect", "segment"))


class Tiled(StrictModel):
    """What settings of tiles have in common: they say when they are no tiling."""

    join: float = Field(
        default=0.5, gt=0, le=1, description="least share of a cut piece that must lie in its continuation"
    )

    @property
    def tiling(self) -> Tiling:
        """The one definition of tiles that training and line share."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _is_tiling(self) -> Self:
        try:
            _ = self.tiling
        except InputError as error:
            raise ValueError(error.message) from None
        return self


class TilesSpec(Tiled):
    """Frames are cut into tiles of this size, each letterboxed to the model's input; sizes in frame pixels."""

    slice_width: int = Field(ge=LEAST_SIDE_PX, le=16384, description="pixels of the frame")
    slice_height: int = Field(ge=LEAST_SIDE_PX, le=16384, description="pixels of the frame")
    overlap_width: int = Field(ge=0, description="pixels that neighbours side by side share")
    overlap_height: int = Field(ge=0, description="pixels that neighbours one below the other share")

    @classmethod
    def of(cls, tiling: Tiling) -> Self:
        """The manifest's words for a tiling."""
        (width, height), (overlap_width, overlap_height) = tiling.slice_wh, tiling.overlap_wh
        return cls(
            slice_width=width,
            slice_height=height,
            overlap_width=overlap_width,
            overlap_height=overlap_height,
            join=tiling.join,
        )

    @property
    def tiling(self) -> Tiling:
        """The one definition of tiles that training and line share."""
        return Tiling((self.slice_width, self.slice_height), (self.overlap_width, self.overlap_height), join=self.join)


def tiles_suit(task: str) -> bool:
    """Whether a task's answers can be put together from tiles."""
    return task in _TASKS
