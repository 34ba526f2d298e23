"""One image with its grab time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of one view of one part; nobody resizes or recolours it before the engine, but for a JPEG's decoder."""

    image: Image  # (H, W, 3) uint8 BGR
    part_id: str
    source_id: str
    view: str = "main"
    origin: str = ""  # where the pixels came from: a file, or the counter of the camera
    grabbed_ns: int = field(default_factory=time.monotonic_ns)
    grabbed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    reduction: int = 1  # the picture as it was taken is so many times wider and higher than `image`
    camera_ns: int | None = None  # when the sensor was exposed, by the camera's own stamp on our monotonic clock

    def __post_init__(self) -> None:
        """Raise ValueError unless the image is `(H, W, 3)` uint8 with pixels in it, reduced as a JPEG can be."""
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(f"frame image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
        if self.reduction not in (1, 2, 4, 8):
            raise ValueError(f"frame reduction: expected 1, 2, 4 or 8, got {self.reduction}")

    @property
    def wh(self) -> tuple[int, int]:
        """Width and height in pixels of the picture as it was taken."""
        return self.image.shape[1] * self.reduction, self.image.shape[0] * self.reduction

    @property
    def exposed_ns(self) -> int:
        """When the picture was taken, by the monotonic clock: the camera's stamp, or the grab where it gives none."""
        return self.grabbed_ns if self.camera_ns is None else self.camera_ns
