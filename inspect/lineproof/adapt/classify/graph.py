"""Camera bytes to probabilities in one graph, and where on the image the evidence for each class lies."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineproof.adapt.classify.classifier import Classifier
from lineproof.adapt.classify.linear import LinearScorer
from lineproof.adapt.features.graph import FeatureGraph

HEAT_PX = 16  # side of a heat map's cell: finer ones show single peaks, coarser ones lose small defects


class ProbabilityGraph(nn.Module):
    """From uint8 BGR `(N, H, W, 3)` to `probabilities (N, C)`."""

    matrix: Tensor  # (L, C)
    shift: Tensor  # (C,)

    def __init__(self, features: FeatureGraph, classifier: Classifier) -> None:
        super().__init__()
        self.features = features
        self.scorer = classifier.scorer.module()
        matrix, shift = classifier.calibration()
        self.register_buffer("matrix", torch.from_numpy(matrix).float())
        self.register_buffer("shift", torch.from_numpy(shift).float())

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities."""
        scores: Tensor = self.scorer(self.features(image).pooled)
        return (scores @ self.matrix + self.shift).sigmoid()


class HeatGraph(nn.Module):
    """The same of a linear classifier, and `heat (N, C, h, w)`: what each cell adds to a class's log odds.

    Exact: a class's heat adds up to its log odds. A mean over cells is weighed cell by cell; a maximum belongs to
    the cell that has it (to all of them where several do). What no cell can be blamed for, the class token's share and
    the bias, is spread evenly.
    """

    def __init__(self, features: FeatureGraph, classifier: Classifier, imgsz: int) -> None:
        super().__init__()
        assert isinstance(classifier.scorer, LinearScorer)
        weight, bias = (torch.from_numpy(each) for each in classifier.scorer.weights())
        matrix, shift = (torch.from_numpy(each) for each in classifier.calibration())
        self.features = features
        self.odds = nn.Linear(weight.shape[1], len(classifier.classes))
        self.odds.weight.data = (matrix.T @ weight).float()
        self.odds.bias.data = (bias @ matrix + shift).float()
        finest = features.trunk.strides[0]
        self.side = imgsz // (finest if HEAT_PX % finest else HEAT_PX)  # patches of 14 or 32 px stay as they are
        self._columns = _columns(features)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and heat."""
        pooled, maps = self.features(image)
        odds = self.odds(pooled)
        parts = [self._evidence(index, each) for index, each in enumerate(maps)]
        evidence = torch.stack(parts).sum(0) / self.side**2
        rest = (odds - evidence.sum((2, 3))) / self.side**2
        return odds.sigmoid(), evidence + rest[:, :, None, None]

    def _evidence(self, index: int, cells: Tensor) -> Tensor:
        """`(N, C, side, side)` from one map; its mean is the map's share of the log odds."""
        features, weight = self.features, self.odds.weight
        height, width = cells.shape[2], cells.shape[3]
        total = None
        if features.takes_mean:
            start, end = self._columns["mean", index]
            total = functional.conv2d(cells, weight[:, start:end, None, None])
        if features.takes_max:
            start, end = self._columns["max", index]
            holds = (cells >= cells.amax((2, 3), keepdim=True)).float()
            share = holds * cells * (height * width) / holds.sum((2, 3), keepdim=True)
            peaks = functional.conv2d(share, weight[:, start:end, None, None])
            total = peaks if total is None else total + peaks
        if total is None:  # the class token alone
            return torch.zeros_like(functional.conv2d(cells, weight[:, : cells.shape[1], None, None]))
        return _on_grid(total, self.side)


def _on_grid(evidence: Tensor, side: int) -> Tensor:
    """Averaged, or repeated, to `side` × `side` cells; either keeps the mean where one divides the other."""
    have = int(evidence.shape[2])
    if have % side == 0 and have > side:
        return functional.avg_pool2d(evidence, have // side)
    return evidence if have == side else functional.interpolate(evidence, (side, side), mode="nearest")


def _columns(features: FeatureGraph) -> dict[tuple[str, int], tuple[int, int]]:
    """Which columns of a pooled vector came from which map, by which pooling."""
    places: dict[tuple[str, int], tuple[int, int]] = {}
    start = features.trunk.token_width * features.takes_token
    for kind, taken in (("mean", features.takes_mean), ("max", features.takes_max)):
        if taken:
            for index, width in enumerate(features.trunk.widths):
                places[kind, index] = (start, start + width)
                start += width
    return places
