"""Prototypes and coefficients to masks at frame resolution, computed only inside each box."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core import BoxMask
from lineproof.engine.letterbox import Fit


def cut_masks(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], xyxy: NDArray[np.float32], fit: Fit
) -> tuple[BoxMask, ...]:
    """One mask per box, cropped to it.

    `prototypes (m, h, w)` cover the whole input, `coefficients (n, m)`, `xyxy (n, 4)` in frame pixels inside the frame.
    A pixel belongs to the mask when the logit, sampled linearly at the pixel's centre, is positive; a mask without any
    such pixel is filled, so that a sure detection never loses its area (and with it its power to reject).
    """
    return tuple(_cut(prototypes, row, box, fit) for row, box in zip(coefficients, xyxy.tolist(), strict=True))


def _cut(prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], box: list[float], fit: Fit) -> BoxMask:
    frame_w, frame_h = fit.source_wh
    x0, x1 = _pixels(box[0], box[2], frame_w)
    y0, y1 = _pixels(box[1], box[3], frame_h)
    _, proto_h, proto_w = prototypes.shape
    scale_x, shift_x = _axis(fit.gain_xy[0], fit.left, proto_w / fit.input_wh[0])
    scale_y, shift_y = _axis(fit.gain_xy[1], fit.top, proto_h / fit.input_wh[1])
    left, right = _cells(scale_x * x0 + shift_x, scale_x * (x1 - 1) + shift_x, proto_w)
    top, bottom = _cells(scale_y * y0 + shift_y, scale_y * (y1 - 1) + shift_y, proto_h)
    # einsum, not BLAS: a matrix product of this size wakes a second thread pool beside onnxruntime's.
    logits = np.einsum("m,mhw->hw", coefficients, prototypes[:, top:bottom, left:right])
    to_cells = np.array([[scale_x, 0, scale_x * x0 + shift_x - left], [0, scale_y, scale_y * y0 + shift_y - top]])
    sampled = cv2.warpAffine(
        logits,
        to_cells,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    bitmap = sampled > 0
    return BoxMask(x0, y0, bitmap if bitmap.any() else np.ones_like(bitmap))


def _pixels(low: float, high: float, size: int) -> tuple[int, int]:
    """Pixels whose centres lie between two edges, at least one: `[first, last + 1)`."""
    first, end = math.ceil(low - 0.5), math.ceil(high - 0.5)
    if first >= end:
        first = min(max(math.floor((low + high) / 2), 0), size - 1)
        end = first + 1
    return max(first, 0), min(end, size)


def _axis(gain: float, offset: int, cells_per_px: float) -> tuple[float, float]:
    """Factor and offset from a frame pixel's index to a position among prototype cells, centre to centre."""
    return gain * cells_per_px, (0.5 * gain + offset) * cells_per_px - 0.5


def _cells(first: float, last: float, size: int) -> tuple[int, int]:
    """The prototype cells needed to sample linearly from `first` to `last`: `[low, high)`."""
    low = min(max(math.floor(first), 0), size - 1)
    return low, max(min(math.floor(last) + 2, size), low + 1)
