"""Model outputs to candidates: every (box, class) pair above the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.errors import EngineError


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Parallel columns in input pixels; one box may stand here under several classes."""

    xyxy: NDArray[np.float32]  # (n, 4)
    score: NDArray[np.float32]  # (n,)
    class_id: NDArray[np.intp]  # (n,)
    anchor: NDArray[np.intp]  # (n,) row of the model's outputs

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.score)

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """Some of them, in the order given."""
        return Candidates(self.xyxy[rows], self.score[rows], self.class_id[rows], self.anchor[rows])


def find_candidates(boxes: NDArray[np.float32], scores: NDArray[np.float32], score_floor: float) -> Candidates:
    """Candidates from `boxes (A, 4)` and `scores (A, classes)`.

    All classes of a box that pass are kept, not only its best: a line may tolerate the best one and reject the second.

    Raises:
        EngineError: a score is no number between 0 and 1, or a box is not finite. A comparison with NaN is false, so
            without this check a broken run would look like a good part.
    """
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    if not (low >= 0.0 and high <= 1.001):  # a sigmoid in half precision may end a hair above 1
        raise EngineError(f"the model gave scores from {low} to {high}", hint="export the model again; check the GPU")
    if not np.isfinite(boxes).all():
        raise EngineError("the model gave boxes that are not finite", hint="export the model again; check the GPU")
    hits = np.flatnonzero(scores.ravel() > score_floor)
    anchor, class_id = np.divmod(hits, scores.shape[1])
    return Candidates(
        boxes[anchor].astype(np.float32, copy=False),
        np.minimum(scores[anchor, class_id], 1.0).astype(np.float32, copy=False),
        class_id,
        anchor,
    )
