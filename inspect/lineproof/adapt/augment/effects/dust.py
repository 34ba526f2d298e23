"""Dust on the part or the window of the camera: specks and fibres, a little out of focus."""

from __future__ import annotations

import math
from typing import Any

import albumentations as A  # noqa: N812 (its own documentation calls it so)
import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image

_FINE = 4  # bits of a pixel's fraction that OpenCV draws with
_CURVE = np.linspace(0, 1, 12)[:, None]


class Dust(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Specks of `radius_px` and fibres of `fibre_px` length, all of one grey `tone` (0 black, 1 white) and opacity."""

    def __init__(
        self,
        count: tuple[int, int] = (1, 6),
        radius_px: tuple[float, float] = (0.6, 1.8),
        fibre_share: float = 0.3,
        fibre_px: tuple[float, float] = (8.0, 30.0),
        tone: tuple[float, float] = (0.1, 0.4),
        opacity: tuple[float, float] = (0.3, 0.8),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.count = tuple(count)
        self.radius_px = tuple(radius_px)
        self.fibre_share = fibre_share
        self.fibre_px = tuple(fibre_px)
        self.tone = tuple(tone)
        self.opacity = tuple(opacity)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Every particle of one image."""
        del data
        height, width = params["shape"][:2]
        draw = self.py_random
        specks, fibres = [], []
        for _ in range(draw.randint(*self.count)):
            x, y = draw.uniform(0, width), draw.uniform(0, height)
            if draw.random() < self.fibre_share:
                fibres.append(self._fibre(x, y))
            else:
                specks.append((x, y, draw.uniform(*self.radius_px)))
        return {
            "specks": specks,
            "fibres": fibres,
            "grey": 255 * draw.uniform(*self.tone),
            "cover": draw.uniform(*self.opacity),
        }

    def _fibre(self, x: float, y: float) -> NDArray[np.float64]:
        """Points `(12, 2)` of a bent line: a quadratic Bézier curve."""
        draw = self.py_random
        length, angle, bend = draw.uniform(*self.fibre_px), draw.uniform(0, math.tau), draw.uniform(-0.5, 0.5)
        start, way = np.array([x, y]), length * np.array([math.cos(angle), math.sin(angle)])
        middle = start + way / 2 + bend * np.array([-way[1], way[0]])
        left = 1 - _CURVE
        return np.asarray(left**2 * start + 2 * left * _CURVE * middle + _CURVE**2 * (start + way))

    def apply(
        self,
        img: Image,
        specks: list[tuple[float, float, float]],
        fibres: list[NDArray[np.float64]],
        grey: float,
        cover: float,
        **_: Any,  # noqa: ANN401
    ) -> Image:
        """The dusty image; only pixels under a particle are computed."""
        canvas = np.zeros(img.shape[:2], np.uint8)
        for x, y, radius in specks:
            centre = (round(x * 2**_FINE), round(y * 2**_FINE))
            cv2.circle(canvas, centre, round(radius * 2**_FINE), 255, -1, cv2.LINE_AA, _FINE)
        lines = [np.round(points * 2**_FINE).astype(np.int32) for points in fibres]
        cv2.polylines(canvas, lines, isClosed=False, color=255, thickness=1, lineType=cv2.LINE_AA, shift=_FINE)
        soft = np.asarray(cv2.GaussianBlur(canvas, (3, 3), 0))
        under = np.flatnonzero(soft)
        share = soft.ravel()[under, None].astype(np.float32) * np.float32(cover / 255)
        dusty = img.copy()
        pixels = dusty.reshape(-1, img.shape[2])
        pixels[under] = (pixels[under] * (1 - share) + share * np.float32(grey) + 0.5).astype(np.uint8)
        return dusty
