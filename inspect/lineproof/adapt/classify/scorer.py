"""What the three kinds of classifier have in common: features in, one raw score per class out, learnt with folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn

from lineproof.adapt.classify.folds import Fold

Matrix = NDArray[np.float64]  # (n, d) features
Truth = NDArray[np.bool_]  # (n, C) which classes an image shows


class Scorer(Protocol):
    """A fitted classifier; higher scores speak for the class."""

    def scores(self, features: Matrix) -> Matrix:
        """`(n, C)` through scikit-learn: what the exported graph is compared with."""

    def module(self) -> nn.Module:
        """The same as a network on `(N, d)` float32."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A fitted classifier and how it did on images it had not learnt from."""

    scorer: Scorer
    unseen: Matrix  # (n, C) scores by the folds; nan where a class has no folds
    settings: dict[str, JsonValue]  # what was chosen, for the record


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a classifier learns from; every class has images with it and images without."""

    features: Matrix
    truth: Truth
    folds: Sequence[Sequence[Fold]]  # by class; empty where too few parts show it
