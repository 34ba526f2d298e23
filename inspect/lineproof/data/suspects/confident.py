"""Confident learning: which labels the rest of the data contradicts.

Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021). Written here
because it is these few lines; the authors' own package brings pandas along.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def self_confidence(probabilities: F64, labels: NDArray[np.int64]) -> F64:
    """Out-of-fold probability `(n,)` of the class each label gives, from `(n, classes)`."""
    own: F64 = probabilities[np.arange(len(labels)), labels]
    return own


def contradicted(probabilities: F64, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class `(n,)` that the data say with confidence instead of the label; -1 where they say nothing else.

    A class is said with confidence where its probability reaches the mean that its own labels get (so a class that is
    always hard to tell needs less); among several, the most probable one counts.
    """
    own = self_confidence(probabilities, labels)
    count = np.bincount(labels, minlength=probabilities.shape[1])
    total = np.bincount(labels, own, minlength=probabilities.shape[1])
    threshold = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    confident = np.where(probabilities >= threshold, probabilities, -1.0)
    said = confident.argmax(axis=1)
    other = (confident.max(axis=1) >= 0) & (said != labels)
    return np.where(other, said, -1)


def suspicion_of(probabilities: F64, labels: NDArray[np.int64]) -> F64:
    """Normalised margin `(n,)`: 0 where the label is certain, 0.5 where another class is as likely, 1 where that is certain."""
    own = self_confidence(probabilities, labels)
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    margin: F64 = (1 + others.max(axis=1) - own) / 2
    return margin
