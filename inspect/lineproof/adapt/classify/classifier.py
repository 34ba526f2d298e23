"""A fitted classifier: raw scores of the classes that could be learnt, calibrated, beside those that could not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from lineproof.adapt.classify.calibration import Sigmoid, fit_sigmoid, uncalibrated
from lineproof.adapt.classify.folds import folds_of
from lineproof.adapt.classify.linear import learn_linear
from lineproof.adapt.classify.neighbours import learn_neighbours
from lineproof.adapt.classify.perceptron import learn_perceptron
from lineproof.adapt.classify.scorer import Learnt, Lesson, Scorer, Truth

Head = Literal["linear", "knn", "mlp"]

NEVER = -30.0  # log odds of a class that could not be learnt: below every floor, and finite

_LEARN: dict[Head, Callable[[Lesson], Learnt]] = {
    "linear": learn_linear,
    "knn": learn_neighbours,
    "mlp": learn_perceptron,
}


@dataclass(frozen=True, slots=True)
class Classifier:
    """Features in, calibrated probabilities out."""

    head: Head
    classes: tuple[str, ...]
    learnt: tuple[int, ...]  # ids of the classes the scorer knows, in its order
    scorer: Scorer
    sigmoids: tuple[Sigmoid, ...]  # of those
    settings: dict[str, JsonValue]

    def calibration(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`(L, C)` and `(C,)`: raw scores @ matrix + shift are the log odds of all classes."""
        matrix = np.zeros((len(self.learnt), len(self.classes)))
        shift = np.full(len(self.classes), NEVER)
        for row, (class_id, sigmoid) in enumerate(zip(self.learnt, self.sigmoids, strict=True)):
            matrix[row, class_id], shift[class_id] = sigmoid.slope, sigmoid.shift
        return matrix, shift

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(n, C)` through scikit-learn, in double precision."""
        matrix, shift = self.calibration()
        odds = self.scorer.scores(features.astype(np.float64)) @ matrix + shift
        return np.asarray(1 / (1 + np.exp(-odds)), np.float64)


def fit_classifier(
    head: Head,
    features: NDArray[np.float32],
    truth: Truth,
    groups: NDArray[np.str_],
    classes: Sequence[str],
    say: Callable[[str], None] = lambda _: None,
) -> Classifier:
    """Learn and calibrate on training images: `features (n, d)`, `truth (n, C)`, `groups (n,)`.

    Every class for itself against all other images. Its settings and its calibration come from folds that keep a
    group together; no validation image is touched. At least one class must be on some images and not on others.
    """
    learnt = tuple(c for c in range(len(classes)) if truth[:, c].any() and not truth[:, c].all())
    known = truth[:, list(learnt)]
    lesson = Lesson(features.astype(np.float64), known, [folds_of(column, groups) for column in known.T])
    result = _LEARN[head](lesson)
    sigmoids = []
    for index, class_id in enumerate(learnt):
        unseen = result.unseen[:, index]
        sigmoid = None if np.isnan(unseen).any() else fit_sigmoid(unseen, known[:, index])
        if sigmoid is None and not np.isnan(unseen).any():
            say(
                f"warning: {classes[class_id]!r} is told by these features no better than by chance: "
                "its probabilities are not calibrated"
            )
        sigmoids.append(sigmoid or uncalibrated(known[:, index]))
    settings: dict[str, JsonValue] = {
        **result.settings,
        "calibrated": [classes[c] for c, sigmoid in zip(learnt, sigmoids, strict=True) if sigmoid.fitted],
    }
    return Classifier(head, tuple(classes), learnt, result.scorer, tuple(sigmoids), settings)
