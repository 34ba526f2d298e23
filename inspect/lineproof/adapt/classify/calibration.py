"""Raw scores to probabilities: a sigmoid per class, fitted to scores of images that the scorer had not learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

_UNREGULARISED = 1e6


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """`probability = 1 / (1 + exp(-(slope × score + shift)))`."""

    slope: float = 1.0
    shift: float = 0.0
    fitted: bool = False  # False: the scorer's own scores, as they are

    def log_odds(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the class, from raw scores."""
        return self.slope * score + self.shift


def uncalibrated(has: NDArray[np.bool_]) -> Sigmoid:
    """Scores as they are, which take a class to be on half of the images, moved to the share it really has."""
    share = float(has.mean())
    return Sigmoid(1.0, float(np.log(share / (1 - share))))


def calibrated_loss(score: NDArray[np.float64], has: NDArray[np.bool_]) -> float:
    """Log loss after calibration: what settings are chosen by, because it does not ask how far apart scores lie."""
    sigmoid = fit_sigmoid(score, has)
    odds = np.full(len(has), uncalibrated(has).shift) if sigmoid is None else sigmoid.log_odds(score)
    return float(np.logaddexp(0, np.where(has, -odds, odds)).mean())


def fit_sigmoid(score: NDArray[np.float64], has: NDArray[np.bool_]) -> Sigmoid | None:
    """Platt's sigmoid with his smoothed targets, which keep a few images from claiming certainty.

    Isotonic regression needs a thousand images before it is any better (Niculescu-Mizil & Caruana, 2005), and gives
    equal scores to parts that differ, which leaves a threshold nowhere to stand. None where scores say nothing, or the
    opposite.
    """
    positives, negatives = int(has.sum()), int((~has).sum())
    target = np.where(has, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    spread = float(score.std())
    if spread == 0:
        return None
    column = (score / spread).reshape(-1, 1)
    fit = LogisticRegression(C=_UNREGULARISED, max_iter=1000).fit(
        np.vstack([column, column]),
        np.repeat([1, 0], len(score)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(fit.coef_[0, 0]) / spread
    return Sigmoid(slope, float(fit.intercept_[0]), fitted=True) if slope > 0 else None
