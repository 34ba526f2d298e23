"""Logistic regression, one class against the rest: the strength of its penalty chosen by folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.linear_model import LogisticRegression
from torch import nn

from lineproof.adapt.classify.calibration import calibrated_loss
from lineproof.adapt.classify.folds import Fold
from lineproof.adapt.classify.scorer import Learnt, Lesson, Matrix
from lineproof.adapt.classify.span import Span

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)  # scikit-learn's C, on rows of length 1
_WITHOUT_FOLDS = 1.0  # a strong penalty, near the class means: what few images can bear


class LinearScorer:
    """One weight per feature and class."""

    def __init__(self, span: Span, fits: list[LogisticRegression]) -> None:
        self._span = span
        self._fits = fits

    def scores(self, features: Matrix) -> Matrix:
        """Log odds, as if every class were on half of the images."""
        coordinates = self._span.coordinates(features)
        return np.stack([fit.decision_function(coordinates) for fit in self._fits], 1)

    def weights(self) -> tuple[Matrix, Matrix]:
        """`(C, d)` and `(C,)` on features as the backbone gives them."""
        weight = np.concatenate([fit.coef_ for fit in self._fits])
        return self._span.unfold(weight, np.concatenate([fit.intercept_ for fit in self._fits]))

    def module(self) -> nn.Linear:
        """A linear layer."""
        weight, bias = self.weights()
        layer = nn.Linear(weight.shape[1], len(weight))
        layer.weight.data, layer.bias.data = torch.from_numpy(weight).float(), torch.from_numpy(bias).float()
        return layer


def learn_linear(lesson: Lesson) -> Learnt:
    """Fit every class; images with and without a class weigh the same in its fit."""
    span = Span.of(lesson.features)
    coordinates = span.coordinates(lesson.features)
    unseen = np.full(lesson.truth.shape, np.nan)
    fits: list[LogisticRegression] = []
    strengths: list[JsonValue] = []
    for index, folds in enumerate(lesson.folds):
        has = lesson.truth[:, index]
        strength = _WITHOUT_FOLDS
        if folds:
            strength, unseen[:, index] = _strength(coordinates, has, folds)
        fits.append(_regression(strength).fit(coordinates, has))
        strengths.append(strength)
    return Learnt(LinearScorer(span, fits), unseen, {"C": strengths})


def _strength(coordinates: Matrix, has: NDArray[np.bool_], folds: Sequence[Fold]) -> tuple[float, Matrix]:
    """The best C, and the scores that its folds gave to unseen images."""
    scores = np.zeros((len(STRENGTHS), len(has)))
    for learn, judge in folds:
        fit = _regression(1.0)
        fit.warm_start = True  # from weak to strong each fit begins where the last ended
        for place, strength in enumerate(STRENGTHS):
            fit.C = strength
            scores[place, judge] = fit.fit(coordinates[learn], has[learn]).decision_function(coordinates[judge])
    best = int(np.argmin([calibrated_loss(row, has) for row in scores]))
    return STRENGTHS[best], scores[best]


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
