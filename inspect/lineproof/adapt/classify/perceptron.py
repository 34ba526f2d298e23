"""A small network of one hidden layer per class, for classes that no straight cut through the features tells apart."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from lineproof.adapt.classify.calibration import calibrated_loss
from lineproof.adapt.classify.scorer import Learnt, Lesson, Matrix
from lineproof.adapt.classify.span import Span

HIDDEN = 16
PENALTIES = (0.1, 3.0)
_WITHOUT_FOLDS = 3.0
_STEPS = 100


class PerceptronScorer:
    """One network per class, side by side."""

    def __init__(self, span: Span, stretch: float, fits: list[MLPClassifier]) -> None:
        self._span, self._stretch, self._fits = span, stretch, fits

    def scores(self, features: Matrix) -> Matrix:
        """Log odds, as if every class were on half of the images."""
        coordinates = self._span.coordinates(features) * self._stretch
        return np.stack([_log_odds(fit, coordinates) for fit in self._fits], 1)

    def module(self) -> nn.Module:
        """The same as two linear layers; the second one lets each class see its own hidden units alone."""
        weight = np.concatenate([fit.coefs_[0].T for fit in self._fits]) * self._stretch
        weight, bias = self._span.unfold(weight, np.concatenate([fit.intercepts_[0] for fit in self._fits]))
        last = np.zeros((len(self._fits), len(weight)))
        for index, fit in enumerate(self._fits):
            last[index, index * HIDDEN : (index + 1) * HIDDEN] = fit.coefs_[1][:, 0]
        last_bias = np.array([fit.intercepts_[1][0] for fit in self._fits])
        return nn.Sequential(_layer(weight, bias), nn.ReLU(), _layer(last, last_bias))


def learn_perceptron(lesson: Lesson) -> Learnt:
    """Fit every class; images with and without a class weigh the same in its fit."""
    span = Span.of(lesson.features)
    coordinates = span.coordinates(lesson.features)
    stretch = 1 / max(float(coordinates.std()), 1e-12)  # inputs of about 1, which the first weights are drawn for
    coordinates = coordinates * stretch
    unseen = np.full(lesson.truth.shape, np.nan)
    fits: list[MLPClassifier] = []
    penalties: list[JsonValue] = []
    for index, folds in enumerate(lesson.folds):
        has, penalty = lesson.truth[:, index], _WITHOUT_FOLDS
        if folds:
            tried = np.zeros((len(PENALTIES), len(has)))
            for learn, judge in folds:
                for place, each in enumerate(PENALTIES):
                    fit = _fit(coordinates[learn], has[learn], each)
                    tried[place, judge] = _log_odds(fit, coordinates[judge])
            best = int(np.argmin([calibrated_loss(row, has) for row in tried]))
            penalty, unseen[:, index] = PENALTIES[best], tried[best]
        fits.append(_fit(coordinates, has, penalty))
        penalties.append(penalty)
    return Learnt(PerceptronScorer(span, stretch, fits), unseen, {"hidden": HIDDEN, "penalty": penalties})


def _fit(coordinates: Matrix, has: NDArray[np.bool_], penalty: float) -> MLPClassifier:
    network = MLPClassifier((HIDDEN,), solver="lbfgs", alpha=penalty, max_iter=_STEPS, random_state=0)
    weight = np.where(has, 0.5 / has.mean(), 0.5 / (~has).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose: further steps learn by heart
        return network.fit(coordinates, has, sample_weight=weight)


def _log_odds(fit: MLPClassifier, coordinates: Matrix) -> NDArray[np.float64]:
    """The output before its sigmoid; scikit-learn shows it after, where 1 - 1e-17 is 1."""
    hidden = np.maximum(coordinates @ fit.coefs_[0] + fit.intercepts_[0], 0)
    odds: NDArray[np.float64] = (hidden @ fit.coefs_[1] + fit.intercepts_[1])[:, 0]
    return odds


def _layer(weight: Matrix, bias: Matrix) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], len(weight))
    layer.weight.data, layer.bias.data = torch.from_numpy(weight).float(), torch.from_numpy(bias).float()
    return layer
