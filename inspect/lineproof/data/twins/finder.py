"""Find the twins among many pictures: one pass over the pixels, then search and compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineproof.core import Image
from lineproof.data.loading import Progress, silent
from lineproof.data.twins.compare import agree, overlay
from lineproof.data.twins.search import nearest_pairs
from lineproof.data.twins.signature import BAND, CANVAS_PX, Signatures
from lineproof.data.twins.turns import Turn

# Blocks of different tiles correlate below 0.53 where they share an edge or a lamp, of the same tile above 0.67
# (procedural parts with one outline for all; magnetic tile: no true pair with a significant peak lies below 0.5).
LEAST_LIKENESS = 0.55
# A tenth of the smaller picture says nothing; and turned pictures are rare, so chance must be ruled out more clearly
# (brushed metal: grain and an edge match upside down just above the least peak).
LEAST_OVERLAP = 0.1
TURNED_FACTOR = 1.5
# A copy stored at another size: the whole frame fits, so more can be asked for.
COPY_LIKENESS, COPY_PEAK, COPY_SHIFT = 0.7, 0.3, 0.05
# Shown by whole-frame copies saved again (JPEG 50, gain 0.5–1.4, gamma 0.6–1.7, noise of 4 grey levels: 0.88 and more)
# and never by two parts printed alike (at most 0.78).
SAME_FRAME_PEAK = 0.85


@dataclass(frozen=True, slots=True)
class Twin:
    """Two pictures of the same place."""

    a: int  # row of the first picture, a < b
    b: int
    turn: Turn  # of the first, to lie on the second
    overlap: float  # share of the smaller picture that both show
    likeness: float  # of what both show, 0.55..1
    peak: float  # 1: the same frame; near the noise: a small overlap

    @property
    def same_frame(self) -> bool:
        """The same view saved again, possibly re-exposed, mirrored or turned; not just the same place."""
        return self.peak >= SAME_FRAME_PEAK


class TwinFinder:
    """Collects pictures one by one, then tells which show the same place.

    Finds other exposures, shifts (down to about a fifth of overlap), mirroring, turns by 90° and copies at another size;
    turns up to about 2°. It cannot tell parts apart that look alike to the pixel.
    """

    def __init__(self, sizes_wh: Sequence[tuple[int, int]]) -> None:
        """Plan for pictures of these sizes; rows are positions in this list."""
        self._sizes_wh = list(sizes_wh)
        self._scales = _plan_scales(self._sizes_wh)
        self._frames = Signatures.allocate(len(sizes_wh) if len(set(self._sizes_wh)) > 1 else 0)

    def add(self, row: int, image: Image) -> None:
        """Take in the picture `(H, W, 3)` of a row; a row never added has no twins."""
        height, width = image.shape[:2]
        for scale in self._scales:
            if row in scale.place:
                scale.signatures.put(scale.place[row], image, scale.fit((width, height)))
        if len(self._frames.usable):
            self._frames.put(row, image, (CANVAS_PX, CANVAS_PX))

    def twins(self, progress: Progress = silent) -> list[Twin]:
        """Every pair found, in order of the rows."""
        best: dict[tuple[int, int], Twin] = {}
        for scale in self._scales:
            for twin in _twins_at(scale, progress):
                _keep_better(best, twin)
        for twin in self._resized(progress):
            _keep_better(best, twin)
        return [best[key] for key in sorted(best)]

    def _resized(self, progress: Progress) -> list[Twin]:
        """The same frame stored at another size: same shape, other number of pixels."""
        pairs = nearest_pairs(self._frames) if len(self._frames.usable) else np.zeros((0, 3), np.int64)
        kept = np.array([pair for pair in pairs if self._may_be_resized(*pair)], np.int64).reshape(-1, 3)
        found = []
        for (a, b, _), laid in zip(kept, overlay(self._frames, kept, progress), strict=True):
            result = agree(self._frames, a, b, laid) if laid.peak >= COPY_PEAK else None
            if result and result.likeness >= COPY_LIKENESS and result.shift_share <= COPY_SHIFT:
                found.append(Twin(int(a), int(b), laid.turn, result.overlap, result.likeness, laid.peak))
        return found

    def _may_be_resized(self, a: int, b: int, order: int) -> bool:
        (wa, ha), (wb, hb) = self._sizes_wh[a], self._sizes_wh[b]
        if order >= 2:  # the two last orders swap the axes
            wa, ha = ha, wa
        return abs(math.log(wa * hb / (ha * wb))) < 0.03 and abs(math.log(wa / wb)) > 0.02


@dataclass(frozen=True, eq=False)
class _Scale:
    """Pictures of similar size, shown at one common scale: the same part has the same size on the canvas."""

    per_px: float  # canvas pixels for a pixel
    place: dict[int, int]  # row of the finder → row of the signatures
    signatures: Signatures

    def fit(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Size on the canvas, at least 4 pixels."""
        width, height = (min(CANVAS_PX, max(4, round(side * self.per_px))) for side in size_wh)
        return width, height


def _plan_scales(sizes_wh: list[tuple[int, int]]) -> list[_Scale]:
    """One scale for each octave of size, overlapping by a third, so that no two similar sizes are kept apart."""
    longest = {row: max(size) for row, size in enumerate(sizes_wh)}
    scales = []
    while longest:
        high = max(longest.values())
        chosen = [row for row, side in enumerate(map(max, sizes_wh)) if 0.35 * high < side <= high]
        scales.append(
            _Scale(CANVAS_PX / high, {row: i for i, row in enumerate(chosen)}, Signatures.allocate(len(chosen)))
        )
        longest = {row: side for row, side in longest.items() if side <= 0.5 * high}
    return scales


def _twins_at(scale: _Scale, progress: Progress) -> list[Twin]:
    rows = list(scale.place)
    pairs = nearest_pairs(scale.signatures)
    least = _least_peak(scale.signatures, pairs)
    found = []
    for (a, b, _), laid, peak in zip(pairs, overlay(scale.signatures, pairs, progress), least, strict=True):
        needed = peak if laid.turn is Turn.SAME else TURNED_FACTOR * peak
        result = agree(scale.signatures, a, b, laid) if laid.peak >= needed else None
        if result is not None and result.likeness >= LEAST_LIKENESS and result.overlap >= LEAST_OVERLAP:
            found.append(Twin(rows[a], rows[b], laid.turn, result.overlap, result.likeness, laid.peak))
    return found


def _least_peak(signatures: Signatures, pairs: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[float]:
    """The peak that chance is expected to reach once in all pairs, turns and shifts of these pictures.

    Unrelated pictures give a surface of Gaussian noise with variance 1 / (2·d·fill): d frequencies, of which padding a
    picture to the canvas leaves the share `fill` independent. Measured on magnetic tile: false pairs reach 0.22 for
    tiles that cover 8 % of the canvas, where this says 0.26; true ones start at 0.24 and are mostly above 0.6.
    """
    count = int(signatures.usable.sum())
    trials = max(2.0, count * count / 2 * 8 * CANVAS_PX**2)
    sigmas = math.sqrt(2 * math.log(trials))
    fill = np.sqrt(signatures.fill(pairs[:, 0]) * signatures.fill(pairs[:, 1]))
    return [sigmas / math.sqrt(2 * len(BAND) * share) for share in fill]


def _keep_better(best: dict[tuple[int, int], Twin], twin: Twin) -> None:
    key = (twin.a, twin.b)
    if key not in best or twin.peak > best[key].peak:
        best[key] = twin
