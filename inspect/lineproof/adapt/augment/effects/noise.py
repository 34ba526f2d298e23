"""Noise of an image sensor: shot noise that grows with the signal, read noise that does not."""

from __future__ import annotations

from functools import cache
from typing import Any

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.augment.effects.light import brightened
from lineproof.core import Image

# A million normal numbers, drawn once; an image takes a run of them from a place of its own and a random sign.
# Drawing them afresh takes longer than all the rest of the effect.
_POOL = 1 << 20


class SensorNoise(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Shot and read noise of a mono camera: the same in all channels.

    `white_electrons` are those a pixel holds when it is white: their number is Poisson distributed, so the noise at
    white is 255/√n grey levels, and falls with the root of the signal. `read_noise` is in grey levels.
    """

    def __init__(
        self,
        white_electrons: tuple[float, float] = (1000, 10000),
        read_noise: tuple[float, float] = (0.5, 2.0),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.white_electrons = tuple(white_electrons)
        self.read_noise = tuple(read_noise)

    def get_params(self) -> dict[str, Any]:
        """The camera of one image, and where in the pool its noise begins."""
        return {
            "electrons": self.py_random.uniform(*self.white_electrons),
            "read": self.py_random.uniform(*self.read_noise),
            "start": self.py_random.randrange(_POOL),
            "sign": self.py_random.choice((-1.0, 1.0)),
        }

    def apply(self, img: Image, electrons: float, read: float, start: int, sign: float, **_: Any) -> Image:  # noqa: ANN401
        """The noisy image."""
        grey = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY) if img.shape[2] == 3 else img[..., 0]
        levels = np.arange(256, dtype=np.float64)
        sigma = sign * np.sqrt(levels * 255 / electrons + read**2)
        noise = cv2.LUT(grey, sigma.astype(np.float32)) * _noise(start, grey.size).reshape(grey.shape)
        return brightened(img, noise)


def _noise(start: int, count: int) -> NDArray[np.float32]:
    """So many numbers of the pool from a place on, round and round."""
    pool = _pool()
    if start + count <= _POOL:
        return pool[start : start + count]
    return np.resize(np.roll(pool, -start), count)


@cache
def _pool() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(_POOL, dtype=np.float32)
