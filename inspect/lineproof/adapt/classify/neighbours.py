"""Nearest neighbours: a new image is what the training images most like it are; nothing is fitted but their number."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from lineproof.adapt.classify.calibration import calibrated_loss
from lineproof.adapt.classify.scorer import Learnt, Lesson, Matrix, Truth
from lineproof.adapt.classify.span import Span

COUNTS = (1, 3, 5, 9, 15, 25)
_DOUBT = 0.02  # share given to either side beforehand: neighbours of one kind are no certainty


class NeighbourScorer:
    """The training images' coordinates and classes, and how many of them are asked."""

    def __init__(self, span: Span, stored: Matrix, truth: Truth, count: int, width: float) -> None:
        self._span, self._stored, self._truth = span, stored, truth
        self._count, self._width = count, width
        self._search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(stored)

    def scores(self, features: Matrix) -> Matrix:
        """Log odds of the neighbours' votes; the nearer one counts more."""
        distance, nearest = self._search.kneighbors(self._span.coordinates(features))
        return _scores(distance**2, self._truth[nearest], self._width, _odds(self._truth))

    def module(self) -> nn.Module:
        """The same with the training images as a matrix of the graph."""
        return _NeighbourModule(self._span, self._stored, self._truth, self._count, self._width)


def learn_neighbours(lesson: Lesson) -> Learnt:
    """Choose the number of neighbours by folds."""
    span = Span.of(lesson.features)
    stored = span.coordinates(lesson.features)
    squared = euclidean_distances(stored, squared=True)
    width = _width(squared)
    least = min((len(learn) for folds in lesson.folds for learn, _ in folds), default=len(stored))
    counts = [count for count in COUNTS if count <= least]
    tried = [_unseen(squared, lesson, count, width) for count in counts]
    best = int(np.argmin([_loss(scores, lesson.truth) for scores in tried]))
    scorer = NeighbourScorer(span, stored, lesson.truth, counts[best], width)
    return Learnt(scorer, tried[best], {"neighbours": counts[best]})


def _unseen(squared: Matrix, lesson: Lesson, count: int, width: float) -> Matrix:
    scores = np.full(lesson.truth.shape, np.nan)
    for index, folds in enumerate(lesson.folds):
        truth = lesson.truth[:, index : index + 1]
        for learn, judge in folds:
            among = squared[np.ix_(judge, learn)]
            nearest = np.argsort(among, axis=1, kind="stable")[:, :count]
            votes = truth[learn][nearest]
            scores[judge, index] = _scores(np.take_along_axis(among, nearest, 1), votes, width, _odds(truth))[:, 0]
    return scores


def _scores(squared: Matrix, votes: NDArray[np.bool_], width: float, odds: Matrix) -> Matrix:
    """`(n, C)` from squared distances `(n, k)` and classes `(n, k, C)` of the neighbours."""
    closeness = np.exp((squared.min(1, keepdims=True) - squared) / width)
    share = np.einsum("nk,nkc->nc", closeness / closeness.sum(1, keepdims=True), votes.astype(np.float64))
    scores: Matrix = np.log((share + _DOUBT) / (1 - share + _DOUBT)) - odds
    return scores


def _odds(truth: Truth) -> Matrix:
    """Log odds of each class among the training images: taken off, rare and common classes are judged alike."""
    share = truth.mean(0)
    odds: Matrix = np.log(share / (1 - share))
    return odds


def _width(squared: Matrix) -> float:
    """How much further away counts how much less: the usual squared distance from one training image to the next."""
    apart = squared + np.diag(np.full(len(squared), np.inf))
    return max(float(np.median(apart.min(1))), 1e-9)


def _loss(scores: Matrix, truth: Truth) -> float:
    known = [c for c in range(truth.shape[1]) if not np.isnan(scores[:, c]).any()]
    return float(np.mean([calibrated_loss(scores[:, c], truth[:, c]) for c in known])) if known else 0.0


class _NeighbourModule(nn.Module):
    weight: Tensor  # (r, d) features to coordinates
    bias: Tensor  # (r,)
    stored: Tensor  # (m, r)
    length: Tensor  # (m,) squared
    truth: Tensor  # (m, C)
    odds: Tensor  # (C,)

    def __init__(self, span: Span, stored: Matrix, truth: Truth, count: int, width: float) -> None:
        super().__init__()
        weight, bias = span.unfold(np.eye(stored.shape[1]), np.zeros(stored.shape[1]))
        self._count, self._width = count, width
        constants = {
            "weight": weight,
            "bias": bias,
            "stored": stored,
            "length": (stored**2).sum(1),
            "truth": truth,
            "odds": _odds(truth),
        }
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(value, np.float32)))

    def forward(self, features: Tensor) -> Tensor:
        own = nn.functional.linear(features, self.weight, self.bias)
        # Short of the image's own squared length, which is the same for all neighbours and falls out of the shares.
        nearness = 2 * own @ self.stored.T - self.length
        nearest, which = nearness.topk(self._count, 1)
        share = ((nearest / self._width).softmax(1).unsqueeze(2) * self.truth[which]).sum(1)
        return ((share + _DOUBT) / (1 - share + _DOUBT)).log() - self.odds
