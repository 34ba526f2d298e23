"""Specular highlights: what a shiny part shows of its lamp."""

from __future__ import annotations

import math
from typing import Any

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import numpy as np

from lineproof.adapt.augment.effects.light import brightened
from lineproof.core import Image

# Beyond so many standard deviations a highlight adds less than one grey level: 2 × 255 × exp(−3.6² / 2) = 0.8.
_REACH = 3.6


class SpecularHighlight(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Soft blobs and streaks of added light, saturated in the middle where `peak` is more than the room left.

    `size` is a standard deviation across, as a share of the shorter side; `stretch` how many times as long as wide:
    1 is a blob (a point lamp on a curved part), 10 a streak (a bar lamp, a brushed or turned part).
    """

    def __init__(
        self,
        count: tuple[int, int] = (1, 2),
        size: tuple[float, float] = (0.02, 0.06),
        stretch: tuple[float, float] = (1.0, 6.0),
        peak: tuple[float, float] = (0.5, 1.2),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.count = tuple(count)
        self.size = tuple(size)
        self.stretch = tuple(stretch)
        self.peak = tuple(peak)

    def get_params(self) -> dict[str, Any]:
        """Place, size, direction and strength of each highlight of one image; a streak is as often short as long."""
        draw = self.py_random
        return {
            "spots": [
                {
                    "at": (draw.random(), draw.random()),
                    "sigma": draw.uniform(*self.size),
                    "stretch": math.exp(draw.uniform(*(math.log(value) for value in self.stretch))),
                    "angle": draw.uniform(0, math.pi),
                    "peak": draw.uniform(*self.peak),
                }
                for _ in range(draw.randint(*self.count))
            ]
        }

    def apply(self, img: Image, spots: list[dict[str, Any]], **_: Any) -> Image:  # noqa: ANN401
        """The image with its highlights; only the window each can reach is computed."""
        lit = img.copy()
        for spot in spots:
            _add_spot(lit, **spot)
        return lit


def _add_spot(img: Image, at: tuple[float, float], sigma: float, stretch: float, angle: float, peak: float) -> None:
    """Add one highlight in place."""
    height, width = img.shape[:2]
    across = sigma * min(height, width)
    along = across * stretch
    cosine, sine = math.cos(angle), math.sin(angle)
    half_x = _REACH * math.hypot(along * cosine, across * sine)
    half_y = _REACH * math.hypot(along * sine, across * cosine)
    centre_x, centre_y = at[0] * width, at[1] * height
    x0, x1 = max(0, math.floor(centre_x - half_x)), min(width, math.ceil(centre_x + half_x))
    y0, y1 = max(0, math.floor(centre_y - half_y)), min(height, math.ceil(centre_y + half_y))
    dx = np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - centre_x)
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5 - centre_y)
    u = (dx * np.float32(cosine) + dy * np.float32(sine)) / np.float32(along)
    v = (dy * np.float32(cosine) - dx * np.float32(sine)) / np.float32(across)
    light = np.float32(255 * peak) * np.exp(np.float32(-0.5) * (u * u + v * v))
    img[y0:y1, x0:x1] = brightened(img[y0:y1, x0:x1], light)
