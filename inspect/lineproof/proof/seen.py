"""A split as the line would see it: its images, what the engine found, and how the pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections, Image, Sample

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One row an image."""

    samples: Sequence[Sample]  # truth in the classes of the bundle
    names: Sequence[str]  # unique, as people know the images
    found: Sequence[Detections]
    latency_ms: F64  # (n,) pixels to decision
    brightness: F64  # (n,) mean grey level, 0..255
    sharpness: F64  # (n,) see `sharpness_of`


def brightness_of(grey: NDArray[np.uint8]) -> float:
    """Mean grey level."""
    return float(cv2.mean(grey)[0])


def sharpness_of(grey: NDArray[np.uint8]) -> float:
    """Standard deviation of the Laplacian: the square root of Pech-Pacheco's focus measure (2000), in grey levels."""
    return float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0])


def grey_of(image: Image) -> NDArray[np.uint8]:
    """The picture `(H, W)` that brightness and sharpness are measured on."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
