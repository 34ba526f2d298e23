"""How many held-out images have a twin in training, now and after a split at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.data.duplicates import Duplicates

RANDOM_SPLITS = 20


@dataclass(frozen=True, slots=True)
class LeakCount:
    """Images outside train that have a twin inside it."""

    held_out: float  # images in val and test
    leaked: float
    defect_held_out: float  # of these, images with a defect
    defect_leaked: float

    @property
    def share(self) -> float:
        """Of the held-out images; 0 when there is none."""
        return self.leaked / self.held_out if self.held_out else 0.0

    @property
    def defect_share(self) -> float:
        """Of the held-out images with a defect; 0 when there is none."""
        return self.defect_leaked / self.defect_held_out if self.defect_held_out else 0.0


@dataclass(frozen=True, eq=False)
class TwinGraph:
    """Which rows are twins: found by their pictures, or of one group by name."""

    pairs: NDArray[np.int64]  # (m, 2)
    group: NDArray[np.int64]  # (n,)
    defect: NDArray[np.bool_]  # (n,) the image has a defect

    @classmethod
    def build(cls, duplicates: Duplicates, groups: Mapping[str, str], defect: Sequence[bool]) -> TwinGraph:
        """Twins among `duplicates.names` from the pictures, and from the group of each name."""
        row_of = {name: row for row, name in enumerate(duplicates.names)}
        pairs = np.array([(row_of[pair.a], row_of[pair.b]) for pair in duplicates.pairs], np.int64).reshape(-1, 2)
        _, group = np.unique([groups[name] for name in duplicates.names], return_inverse=True)
        return cls(pairs, group, np.asarray(defect, np.bool_))

    @property
    def with_twin(self) -> NDArray[np.bool_]:
        """Rows `(n,)` that have a twin at all."""
        found = np.bincount(self.group)[self.group] > 1
        found[self.pairs.ravel()] = True
        return found

    def leaks(self, train: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> LeakCount:
        """Count for a split given as two columns `(n,)`; an image may be in neither."""
        beside = np.bincount(self.group, weights=train)[self.group] > 0
        for own, other in (self.pairs.T, self.pairs.T[::-1]):
            beside[own[train[other]]] = True
        leaked, bad = beside & held_out, self.defect & held_out
        return LeakCount(int(held_out.sum()), int(leaked.sum()), int(bad.sum()), int((leaked & bad).sum()))

    def expected_leaks(self, held_out_share: float, seed: int) -> LeakCount:
        """Mean count of splits by image at random."""
        count = len(self.defect)
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(RANDOM_SPLITS):
            held_out = np.zeros(count, np.bool_)
            held_out[rng.permutation(count)[: round(held_out_share * count)]] = True
            result = self.leaks(~held_out, held_out)
            found.append((result.held_out, result.leaked, result.defect_held_out, result.defect_leaked))
        return LeakCount(*np.mean(found, axis=0).tolist())
