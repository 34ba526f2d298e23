"""Which detections of two engines are the same one."""

from __future__ import annotations

import numpy as np

from lineproof.core import Detections
from lineproof.core.boxes import box_iou

_SAME_PX = 0.1


def pair_detections(a: Detections, b: Detections, *, min_iou: float) -> list[tuple[int, int]]:
    """Rows of `a` and `b` that belong together: same class, best overlap first, each used once."""
    overlap = box_iou(a.xyxy, b.xyxy)
    # Boxes found in the letterbox border are cut to lines at the frame's edge: no area overlaps, yet they are the same.
    overlap[np.abs(a.xyxy[:, None] - b.xyxy[None]).max(axis=2, initial=0) < _SAME_PX] = 1
    overlap[a.class_id[:, None] != b.class_id[None, :]] = 0
    pairs: list[tuple[int, int]] = []
    while overlap.size:
        row, column = divmod(int(overlap.argmax()), overlap.shape[1])
        if overlap[row, column] <= min_iou:
            break
        pairs.append((row, column))
        overlap[row, :] = 0
        overlap[:, column] = 0
    return pairs
