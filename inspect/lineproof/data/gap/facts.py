"""What can be measured on an image without any network, so that words can say what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from lineproof.core import Image
from lineproof.data.gap.separation import auc
from lineproof.data.gap.space import F64

# Noise of an image by Immerkær, "Fast noise variance estimation" (CVIU 64, 1996): this kernel is blind to planes and
# straight edges, so that what is left is mostly noise.
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


class Measure(NamedTuple):
    """One fact about an image: what it is called, its unit, and what one says when it is higher."""

    name: str
    unit: str
    more: str
    less: str


MEASURES = (
    Measure("brightness", "grey levels", "brighter", "darker"),
    Measure("contrast", "grey levels", "richer in contrast", "flatter"),
    Measure("sharpness", "edge strength / contrast", "sharper", "softer"),
    Measure("noise", "grey levels", "noisier", "cleaner"),
    Measure("colour", "levels between channels", "more coloured", "greyer"),
    Measure("width", "px", "wider", "narrower"),
    Measure("height", "px", "higher", "lower"),
)


def measure_image(image: Image) -> F64:
    """The facts `(7,)` of an `(H, W, 3)` BGR image, in the order of `MEASURES`.

    Sharpness is the deviation of the Laplacian over that of the grey levels: more light alone does not change it.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    height, width = grey.shape
    contrast = float(grey.std())
    edges = float(cv2.Laplacian(grey, cv2.CV_32F).std())
    noise = (
        float(np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE_KERNEL)[1:-1, 1:-1]).mean()) if min(grey.shape) > 2 else 0
    )
    channels = image.reshape(-1, 3).astype(np.float32)
    colour = float((channels.max(1) - channels.min(1)).mean())
    return np.array(
        [
            grey.mean(),
            contrast,
            edges / max(contrast, 1e-6),
            noise * np.sqrt(np.pi / 2) / 6,
            colour,
            width,
            height,
        ],
        np.float64,
    )


@dataclass(frozen=True, slots=True)
class FactGap:
    """One fact in both sets."""

    measure: Measure
    a: float  # median over the groups
    b: float
    auc: float  # chance that an image of B has more of it than one of A
    p: float  # of chance, over whole groups, for all facts together (Bonferroni)

    @property
    def differs(self) -> bool:
        """Clearly, and not by chance."""
        return self.p <= 0.05 and abs(self.auc - 0.5) >= 0.2

    @property
    def word(self) -> str:
        """What B is, compared with A."""
        return self.measure.more if self.auc > 0.5 else self.measure.less


def compare_facts(
    a: F64, b: F64, groups_a: Sequence[str], groups_b: Sequence[str], *, permutations: int = 1000, seed: int = 0
) -> tuple[FactGap, ...]:
    """Each fact of images `(n, 7)` and `(m, 7)`: medians, how well it alone tells the sets apart, and the chance of it."""
    means_a, means_b = _group_means(a, groups_a), _group_means(b, groups_b)
    return tuple(
        FactGap(
            measure,
            float(np.median(means_a[:, row])),
            float(np.median(means_b[:, row])),
            auc(means_a[:, row], means_b[:, row]),
            min(1.0, len(MEASURES) * _chance(means_a[:, row], means_b[:, row], permutations, seed)),
        )
        for row, measure in enumerate(MEASURES)
    )


def _group_means(facts: F64, groups: Sequence[str]) -> F64:
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, facts.shape[1]))
    np.add.at(sums, codes, facts)
    return np.asarray(sums / np.bincount(codes)[:, None], np.float64)


def _chance(a: F64, b: F64, permutations: int, seed: int) -> float:
    """Chance of such a rank sum under permutation, two-sided, the observed order counted in."""
    values = np.concatenate([a, b])
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    centred = ranks - ranks.mean()
    shuffled = np.random.default_rng(seed).permuted(np.tile(centred, (permutations, 1)), axis=1)[:, : len(a)]
    as_far = np.abs(shuffled.sum(1)) >= abs(centred[: len(a)].sum()) - 1e-9
    return float((1 + as_far.sum()) / (permutations + 1))
