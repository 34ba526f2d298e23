"""How much light there is, and from which side."""

from __future__ import annotations

import math
from typing import Any

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import cv2
import numpy as np

from lineproof.core import Image


class Exposure(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """A longer or shorter exposure, an older lamp: the same factor for every pixel, cut at white.

    Industrial cameras deliver values proportional to light; one stop is a factor of two.
    """

    def __init__(self, stops: tuple[float, float] = (-0.5, 0.5), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.stops = tuple(stops)

    def get_params(self) -> dict[str, Any]:
        """The gain of one image."""
        return {"gain": 2.0 ** self.py_random.uniform(*self.stops)}

    def apply(self, img: Image, gain: float, **_: Any) -> Image:  # noqa: ANN401 (albumentations passes more)
        """The exposed image."""
        table = np.clip(np.arange(256) * gain + 0.5, 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(img, table), np.uint8).reshape(img.shape)


class LightGradient(A.ImageOnlyTransform):  # type: ignore[misc]
    """A lamp from one side: the gain rises evenly from 1 − strength in one corner or edge to 1 + strength opposite."""

    def __init__(self, strength: tuple[float, float] = (0.05, 0.25), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.strength = tuple(strength)

    def get_params(self) -> dict[str, Any]:
        """Strength and direction for one image."""
        return {
            "amount": self.py_random.uniform(*self.strength),
            "direction": self.py_random.uniform(0, 2 * math.pi),
        }

    def apply(self, img: Image, amount: float, direction: float, **_: Any) -> Image:  # noqa: ANN401
        """The image under the gradient."""
        height, width = img.shape[:2]
        across, down = math.cos(direction), math.sin(direction)
        slope = amount / (abs(across) + abs(down))
        gain = np.add.outer(
            np.linspace(1 - slope * down, 1 + slope * down, height, dtype=np.float32),
            np.linspace(-slope * across, slope * across, width, dtype=np.float32),
        )
        return scaled(img, gain)


def scaled(img: Image, gain: np.ndarray[Any, np.dtype[np.float32]]) -> Image:
    """The image times a gain `(H, W)` for each pixel, rounded, cut at white."""
    channels = cv2.merge([gain] * img.shape[2]) if img.shape[2] > 1 else gain
    return np.asarray(cv2.multiply(img, channels, dtype=cv2.CV_8U), np.uint8).reshape(img.shape)


def brightened(img: Image, light: np.ndarray[Any, np.dtype[np.float32]]) -> Image:
    """The image plus `(H, W)` grey levels for each pixel, rounded, cut at black and white."""
    channels = cv2.merge([light] * img.shape[2]) if img.shape[2] > 1 else light
    return np.asarray(cv2.add(img, channels, dtype=cv2.CV_8U), np.uint8).reshape(img.shape)
