"""What is kept of a picture to find its twins: local contrast on a small canvas, and the spectrum of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.data.twins.turns import F32, Band

CANVAS_PX = 128
# Below: illumination and vignetting. Above: interpolation and JPEG. Measured on magnetic tile: every true pair above
# every false one with this ring; with 0.02–0.5 or without whitening 1–2 % of the true pairs drown.
BAND = Band.ring(CANVAS_PX, 0.02, 0.35)
CONTRAST_SIGMA_PX = 2.0  # of the canvas; 4 and 8 let the streaks of grinding dominate
TAPER_PX = 4  # a picture fades out over this border, else its frame is part of every spectrum
MAGNITUDE_SIGMA = (
    0.8  # a slight turn or other crop moves every peak a little: 10 % more pairs found on NEU-DET than with 0
)
LEVELS_PER_UNIT = 31.0  # local contrast lies within ±4; kept as int8
FEATURELESS = 0.05  # standard deviation of the local contrast below which there is nothing to compare
_UNIT = np.exp(1j * np.arange(-128, 128) * (np.pi / 128)).astype(np.complex64)  # angle in 1/128 of π → number


@dataclass(frozen=True, eq=False)
class Signatures:
    """Columns for n pictures, about 32 kB each; a row without texture stays `usable = False`."""

    phase: NDArray[np.int8]  # (n, d) angle of each frequency in 1/128 of π
    magnitude: F32  # (n, d) normalised
    canvas: NDArray[np.int8]  # (n, C, C) local contrast, picture in the top left corner
    size_hw: NDArray[np.int32]  # (n, 2) of the picture on the canvas
    usable: NDArray[np.bool_]  # (n,)

    @classmethod
    def allocate(cls, count: int) -> Signatures:
        """Room for `count` pictures, filled by `put`."""
        return cls(
            np.zeros((count, len(BAND)), np.int8),
            np.zeros((count, len(BAND)), np.float32),
            np.zeros((count, CANVAS_PX, CANVAS_PX), np.int8),
            np.zeros((count, 2), np.int32),
            np.zeros(count, np.bool_),
        )

    def put(self, row: int, image: Image, size_wh: tuple[int, int]) -> None:
        """Fill a row from a picture `(H, W, 3)`, shrunk or stretched to `size_wh` canvas pixels."""
        contrast = local_contrast(_shrink(image, size_wh))
        if float(contrast.std()) < FEATURELESS:
            return
        height, width = contrast.shape
        canvas = np.zeros((CANVAS_PX, CANVAS_PX), np.float32)
        canvas[:height, :width] = contrast * np.outer(_taper(height), _taper(width))
        spectrum = np.fft.rfft2(canvas)
        angle = np.angle(spectrum[BAND.mask]) * (128 / np.pi)
        self.phase[row] = np.round(angle).astype(np.int16).astype(np.int8)  # π becomes -128, the same angle
        magnitude = np.sqrt(cv2.GaussianBlur(np.abs(spectrum), (0, 0), MAGNITUDE_SIGMA)[BAND.mask])
        magnitude -= magnitude.mean()
        self.magnitude[row] = magnitude / max(float(np.linalg.norm(magnitude)), 1e-6)
        self.canvas[row, :height, :width] = np.clip(np.round(contrast * LEVELS_PER_UNIT), -127, 127).astype(np.int8)
        self.size_hw[row] = height, width
        self.usable[row] = True

    def unit_spectrum(self, rows: NDArray[np.int64], order: int) -> NDArray[np.complex64]:
        """Whitened spectra `(len(rows), d)` of pictures turned by `order`."""
        turned = _UNIT[self.phase[rows][:, BAND.orders[order]].astype(np.int16) + 128]
        return np.asarray(np.where(BAND.conjugate[order], turned.conj(), turned), np.complex64)

    def contrast(self, row: int) -> F32:
        """Local contrast `(h, w)` of a picture."""
        height, width = self.size_hw[row]
        return self.canvas[row, :height, :width].astype(np.float32)

    def fill(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of the canvas that each picture covers."""
        share: NDArray[np.float64] = self.size_hw[rows].prod(axis=1) / CANVAS_PX**2
        return share


def local_contrast(grey: F32) -> F32:
    """Brightness relative to the surroundings in units of their own variation: indifferent to exposure and shading."""
    mean = cv2.GaussianBlur(grey, (0, 0), CONTRAST_SIGMA_PX)
    detail = grey - mean
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), CONTRAST_SIGMA_PX))
    floor = 0.02 * max(float(mean.mean()), 1.0)  # 2 % of the mean level: sensor noise of a flat area stays small
    return np.asarray(detail / (spread + floor), np.float32)


def _shrink(image: Image, size_wh: tuple[int, int]) -> F32:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    enlarges = size_wh[0] * size_wh[1] > grey.shape[0] * grey.shape[1]
    how = cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
    return np.asarray(cv2.resize(grey, size_wh, interpolation=how), np.float32)


def _taper(length: int) -> F32:
    index = np.arange(length)
    return np.minimum(1.0, np.minimum(index + 1, length - index) / TAPER_PX).astype(np.float32)
