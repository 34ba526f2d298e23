"""Hit/miss data whose answers are published or were computed with scipy and statsmodels."""

from __future__ import annotations

import numpy as np

from lineproof.proof.pod.logistic import HitMiss

# Bliss 1935, beetles after five hours of carbon disulphide; fitted in Dobson and in Agresti.
BLISS = HitMiss(
    [1.6907, 1.7242, 1.7552, 1.7842, 1.8113, 1.8369, 1.8610, 1.8839],
    [6, 13, 18, 28, 52, 53, 61, 60],
    [59, 60, 62, 56, 63, 59, 62, 60],
)
# Dalal, Fowlkes & Hoadley 1989: O-ring distress on 23 flights of the Space Shuttle over the temperature in °F.
CHALLENGER = HitMiss.single(
    [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58],
    [0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1],
)
SYNTHETIC = HitMiss(
    [0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.60, 0.70, 0.80, 0.90, 1.0, 1.2, 1.5, 2.0],
    [0, 1, 2, 4, 6, 8, 11, 12, 14, 16, 17, 18, 19, 19, 20, 20, 20],
    np.full(17, 20),
)
SIXTY = HitMiss.single(
    np.exp(np.linspace(np.log(0.1), np.log(3), 60)),
    [int(hit) for hit in "000000100000000000001111111011111111111111111111111111111111"],
)
