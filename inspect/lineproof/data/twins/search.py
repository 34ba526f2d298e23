"""Likely twins: the nearest spectra, whatever the shift, under every turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineproof.data.twins.signature import BAND, Signatures
from lineproof.data.twins.turns import F32

# Magnetic tile: 99.8 % of the true pairs are among the 16 nearest and all tiles connect.
NEIGHBOURS = 16
_ROWS_AT_ONCE = 256  # × 4 orders × n pictures × 4 bytes: 82 MB for 20,000 pictures


def nearest_pairs(signatures: Signatures, neighbours: int = NEIGHBOURS) -> NDArray[np.int64]:
    """Pairs `(m, 3)`: rows i < j and the row of `TURNS` to try, each once.

    Memory stays at one block of rows; time grows with the square of the number of pictures.
    """
    rows = np.flatnonzero(signatures.usable)
    if len(rows) < 2:
        return np.zeros((0, 3), np.int64)
    magnitude = signatures.magnitude[rows]
    blocks = [_nearest(magnitude, start, neighbours) for start in range(0, len(rows), _ROWS_AT_ONCE)]
    pairs = np.concatenate(blocks)
    pairs[:, :2] = np.sort(rows[pairs[:, :2]], axis=1)  # a turn's row of TURNS is its inverse's too
    return np.unique(pairs, axis=0)


def _nearest(magnitude: F32, start: int, neighbours: int) -> NDArray[np.int64]:
    """Pairs `(m, 3)` of one block of rows with their nearest under any of the four orders."""
    count, block = len(magnitude), magnitude[start : start + _ROWS_AT_ONCE]
    likeness = np.concatenate([block[:, order] @ magnitude.T for order in BAND.orders], axis=1)
    own = np.arange(start, start + len(block))
    for order in range(len(BAND.orders)):
        likeness[own - start, order * count + own] = -np.inf
    wanted = min(neighbours, len(BAND.orders) * (count - 1))
    best = np.argpartition(likeness, -wanted, axis=1)[:, -wanted:]
    orders, others = np.divmod(best, count)
    return np.stack([np.repeat(own, wanted), others.ravel(), orders.ravel()], axis=1).astype(np.int64)
