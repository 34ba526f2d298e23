"""Non-maximum suppression per class: of boxes that overlap too much, the surest stays; and where it lies by all."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.core.boxes import box_iou
from lineproof.engine.decode import Candidates

# Suppressing within blocks of the surest first bounds the pairwise work: 30,000 candidates cost what 30 blocks cost.
BLOCK = 1024
_LEAST = np.float32(np.finfo(np.float32).tiny)  # a box without area overlaps nothing, not even itself


def suppress(candidates: Candidates, *, iou: float, limit: int) -> NDArray[np.intp]:
    """Rows that stay, surest first, at most `limit`; exactly greedy suppression, whatever the number of candidates."""
    order = np.argsort(-candidates.score, kind="stable")
    if len(order) <= BLOCK:
        return order[_suppress_block(candidates.take(order), iou)][:limit]
    kept = np.empty(0, np.intp)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        block = block[~_covered(candidates, block, kept, iou)]
        kept = np.concatenate([kept, block[_suppress_block(candidates.take(block), iou)]])
        if len(kept) >= limit:
            break
    return kept[:limit]


def average(candidates: Candidates, rows: NDArray[np.intp], *, iou: float) -> NDArray[np.float32]:
    """Where the boxes `(n, 4)` of these rows lie by all candidates of their class that overlap them by more than `iou`.

    Each counts with its score times the square root of the overlap beyond `iou`, so nothing jumps where one comes to count
    at all. Of a defect without sharp ends the surest box is not the best placed one (box voting: Gidaris and Komodakis, 2015).
    """
    own, voters = candidates.take(rows), candidates
    if len(candidates) > BLOCK:  # the rest weighs nothing
        voters = candidates.take(np.argsort(-candidates.score, kind="stable")[:BLOCK])
    weight = np.sqrt(np.maximum(box_iou(own.xyxy, voters.xyxy) - np.float32(iou), 0)) * voters.score
    weight *= own.class_id[:, None] == voters.class_id[None, :]
    total = weight.sum(axis=1, keepdims=True)
    placed: NDArray[np.float32] = np.where(total > 0, weight @ voters.xyxy / np.maximum(total, _LEAST), own.xyxy)
    return placed


def _suppress_block(block: Candidates, iou: float) -> NDArray[np.intp]:
    """OpenCV's class-aware suppression of candidates sorted by score; rows in the same order."""
    if len(block) == 0:
        return np.empty(0, np.intp)
    corner_wh = block.xyxy.astype(np.float64)
    corner_wh[:, 2:] -= corner_wh[:, :2]
    rows = cv2.dnn.NMSBoxesBatched(
        corner_wh.tolist(), block.score.tolist(), block.class_id.tolist(), score_threshold=0.0, nms_threshold=iou
    )
    return np.sort(np.asarray(rows, np.intp))


def _covered(candidates: Candidates, block: NDArray[np.intp], kept: NDArray[np.intp], iou: float) -> NDArray[np.bool_]:
    """Which candidates of the block a kept one of their class already covers."""
    if len(kept) == 0 or len(block) == 0:
        return np.zeros(len(block), np.bool_)
    overlap = box_iou(candidates.xyxy[block], candidates.xyxy[kept]) > iou
    same_class = candidates.class_id[block][:, None] == candidates.class_id[kept][None, :]
    covered: NDArray[np.bool_] = (overlap & same_class).any(axis=1)
    return covered
