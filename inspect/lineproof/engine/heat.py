"""A classifier's evidence on the frame: why it says what it says, for a person who asks; never computed on the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import Image
from lineproof.engine.letterbox import Fit
from lineproof.engine.spec import EngineSpec
from lineproof.errors import EngineError


class HeatEngine(Protocol):
    """An engine opened with `heat`."""

    def heat(self, image: Image, most: int | None = None) -> dict[str, NDArray[np.float32]]:
        """Evidence `(H, W)` in frame pixels by class name, surest class first, of the `most` surest."""


def check_gives_heat(spec: EngineSpec) -> None:
    """Raise EngineError unless the model gives heat maps."""
    if spec.task != "classify":
        raise EngineError(f"heat maps are of classifiers, this bundle is for {spec.task}", hint="its boxes say where")
    if spec.outputs != "probabilities+heat":
        raise EngineError("this bundle gives no heat maps", hint="export it with them")


def heat_by_class(
    probabilities: NDArray[np.float32],
    heat: NDArray[np.float32],
    classes: Sequence[str],
    fit: Fit,
    most: int | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Evidence `(H, W)` in frame pixels by class name, surest class first, from `probabilities (C,)`, `heat (C, h, w)`.

    Raises:
        EngineError: a number is none.
    """
    if not (np.isfinite(probabilities).all() and np.isfinite(heat).all()):
        raise EngineError("the model gave heat that is not finite", hint="export the model again; check the GPU")
    surest = np.argsort(-probabilities.astype(np.float32), kind="stable")[:most]
    return {classes[row]: on_frame(heat[row], fit) for row in surest.tolist()}


def on_frame(heat: NDArray[np.float32], fit: Fit) -> NDArray[np.float32]:
    """One map `(h, w)` of the whole input as `(H, W)` of the frame, sampled linearly; the letterbox's border is cut off."""
    on_input = cv2.resize(heat.astype(np.float32), fit.input_wh, interpolation=cv2.INTER_LINEAR)
    width, height = fit.scaled_wh
    window = on_input[fit.top : fit.top + height, fit.left : fit.left + width]
    return np.asarray(cv2.resize(window, fit.source_wh, interpolation=cv2.INTER_LINEAR), np.float32)
