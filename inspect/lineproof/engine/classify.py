"""A classifier's answer as detections: a class that may be on the image is one box around the whole frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Detections
from lineproof.errors import EngineError


def whole_frame(probabilities: NDArray[np.float32], frame_wh: tuple[int, int], score_floor: float) -> Detections:
    """Detections from `probabilities (classes,)` of one image: `(0, 0, W, H)` per class from the floor on, surest first.

    Raises:
        EngineError: a probability is no number between 0 and 1. A comparison with NaN is false, so without this check a
            broken run would look like a good part.
    """
    low, high = probabilities.min(), probabilities.max()
    if not (low >= 0.0 and high <= 1.001):  # a sigmoid in half precision may end a hair above 1
        raise EngineError(
            f"the model gave probabilities from {low:g} to {high:g}", hint="export the model again; check the GPU"
        )
    if high < score_floor:
        return Detections.empty()
    scores = np.minimum(probabilities.astype(np.float32, copy=False), np.float32(1))
    hits = np.flatnonzero(scores >= score_floor)
    rows = hits[np.argsort(-scores[hits], kind="stable")]
    xyxy = np.zeros((len(rows), 4), np.float32)
    xyxy[:, 2:] = frame_wh
    return Detections(xyxy, scores[rows], rows.astype(np.int32))
