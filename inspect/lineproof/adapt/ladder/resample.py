"""The same parts drawn again and again: how far figures would move with other parts of the same kind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def draw_groups(groups: Sequence[str], times: int, seed: str) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """How often each group is drawn (times, g), and the group of each part (n,); the same for the same split.

    Groups are drawn, not images: images of one part or lot resemble each other and count as one draw. Two candidates
    measured on the same parts are drawn the same way, so their difference is compared part by part.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(int(hashlib.sha256(seed.encode()).hexdigest()[:16], 16))
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=times)
    return counts.astype(np.int64), group_of.astype(np.intp)
