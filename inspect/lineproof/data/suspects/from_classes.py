"""Boxes whose class the rest of the data contradicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Sample
from lineproof.data.suspects.confident import contradicted, suspicion_of
from lineproof.data.suspects.suspect import Suspect

F64 = NDArray[np.float64]
LEAST = 0.5  # another class is as likely as the one given


def class_suspects(
    boxes: Sequence[tuple[Sample, int]], probabilities: F64, judged: NDArray[np.bool_], classes: Sequence[str]
) -> list[Suspect]:
    """Suspects among `(sample, row)` boxes with out-of-fold `probabilities (n, classes)`; only those that were `judged`.

    Boxes that confident learning would call wrong come before those where another class is merely more likely.
    """
    rows = np.flatnonzero(judged)
    if not len(rows):
        return []
    labels = np.array([sample.truth.class_id[row] for sample, row in boxes], np.int64)[rows]
    table = probabilities[rows]
    margin, said = suspicion_of(table, labels), contradicted(table, labels)
    suspects = []
    for place in np.flatnonzero((margin >= LEAST) | (said >= 0)).tolist():
        sample, row = boxes[rows[place]]
        own = int(labels[place])
        others = np.where(np.arange(len(classes)) == own, -1, table[place])
        other = int(others.argmax())
        p, q = float(table[place, own]), float(table[place, other])
        # Two bands of one scale: the order inside each is the margin's.
        sure = (1 + float(margin[place])) / 2 if said[place] >= 0 else float(margin[place]) / 2
        x1, y1, x2, y2 = (float(v) for v in sample.truth.xyxy[row])
        suspects.append(
            Suspect(
                sample,
                row,
                "class",
                (x1, y1, x2, y2),
                sure,
                classes[own],
                classes[other],
                f"looks like {classes[other]} ({q:.0%}), not like {classes[own]} ({p:.0%})",
            )
        )
    return suspects
