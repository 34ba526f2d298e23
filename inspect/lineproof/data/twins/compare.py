"""Two pictures laid on each other: where the shift must be (phase correlation), then block by block whether it holds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lineproof.data.loading import Progress, silent
from lineproof.data.twins.signature import BAND, CANVAS_PX, Signatures
from lineproof.data.twins.turns import F32, TURNS, Turn, cyclic_offset, turn_picture

_PAIRS_AT_ONCE = 256  # × 128² × 4 bytes = 17 MB a step
BLOCK_PX = 24  # large enough to be told from noise, small enough that a turn by 1–2° is a shift inside it
BLOCK_SHIFT_PX = 3
LEAST_OVERLAP_PX = 12


@dataclass(frozen=True, slots=True)
class Overlay:
    """How one turned picture lies on another."""

    turn: Turn
    peak: float  # of the phase correlation: 1 for the same picture
    shift_yx: tuple[int, int]  # canvas pixels, modulo the canvas


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the overlapping parts say."""

    likeness: float  # median over blocks of the correlation of local contrast, -1..1
    overlap: float  # share of the smaller picture that both show
    shift_share: float  # larger of the two shifts, as a share of that side


def overlay(signatures: Signatures, pairs: NDArray[np.int64], progress: Progress = silent) -> list[Overlay]:
    """The best shift and turn of every pair `(m, 3)` of `nearest_pairs`."""
    by_order = [np.flatnonzero(pairs[:, 2] == order) for order in range(len(TURNS))]
    steps = [
        (order, chosen[start : start + _PAIRS_AT_ONCE])
        for order, chosen in enumerate(by_order)
        for start in range(0, len(chosen), _PAIRS_AT_ONCE)
    ]
    found: dict[int, Overlay] = {}
    for order, some in progress(steps, "matching"):
        found.update(zip(some.tolist(), _overlay_some(signatures, pairs[some], order), strict=True))
    return [found[place] for place in range(len(pairs))]


def _overlay_some(signatures: Signatures, pairs: NDArray[np.int64], order: int) -> list[Overlay]:
    turned = signatures.unit_spectrum(pairs[:, 0], order)
    fixed = signatures.unit_spectrum(pairs[:, 1], 0).conj()
    peaks, places = np.empty((2, len(pairs)), np.float32), np.empty((2, len(pairs)), np.int64)
    for half, spectrum in enumerate((turned * fixed, turned.conj() * fixed)):
        surface = _correlate(spectrum)
        places[half] = surface.argmax(axis=1)
        peaks[half] = surface[np.arange(len(pairs)), places[half]]
    better = peaks.argmax(axis=0)
    return [
        Overlay(TURNS[order][half], float(peaks[half, i]), divmod(int(places[half, i]), CANVAS_PX))
        for i, half in enumerate(better)
    ]


def _correlate(spectra: NDArray[np.complex64]) -> F32:
    """Correlation surfaces `(m, C·C)`, 1 at the shift of a picture with itself."""
    planes = np.zeros((len(spectra), *BAND.mask.shape), np.complex64)
    planes[:, BAND.mask] = spectra
    surface = np.fft.irfft2(planes, s=(CANVAS_PX, CANVAS_PX)).reshape(len(spectra), -1)
    return np.asarray(surface / _PEAK_OF_SELF, np.float32)


def _peak_of_self() -> float:
    plane = np.zeros(BAND.mask.shape, np.complex64)
    plane[BAND.mask] = 1
    return float(np.fft.irfft2(plane, s=(CANVAS_PX, CANVAS_PX)).max())


_PEAK_OF_SELF = _peak_of_self()


def agree(signatures: Signatures, a: int, b: int, overlay: Overlay) -> Agreement | None:
    """Compare the overlapping parts of two pictures block by block; None when they hardly overlap."""
    first, second = turn_picture(signatures.contrast(a), overlay.turn), signatures.contrast(b)
    ahead = cyclic_offset(overlay.turn, (first.shape[0], first.shape[1]))
    dy, dx = ((shift + more) % CANVAS_PX for shift, more in zip(overlay.shift_yx, ahead, strict=True))
    found = [_agree_at(first, second, y, x) for y in (dy, dy - CANVAS_PX) for x in (dx, dx - CANVAS_PX)]
    possible = [agreement for agreement in found if agreement is not None]
    return max(possible, key=lambda agreement: agreement.likeness, default=None)


def _agree_at(first: F32, second: F32, dy: int, dx: int) -> Agreement | None:
    """Pixel (y, x) of the first is (y - dy, x - dx) of the second."""
    (h1, w1), (h2, w2) = first.shape, second.shape
    top, bottom, left, right = max(0, dy), min(h1, h2 + dy), max(0, dx), min(w1, w2 + dx)
    height, width = bottom - top, right - left
    if min(height, width) < LEAST_OVERLAP_PX:
        return None
    margin = BLOCK_SHIFT_PX
    around = cv2.copyMakeBorder(second, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    scores = []
    for y0, y1 in _cuts(top, height):
        for x0, x1 in _cuts(left, width):
            window = around[y0 - dy : y1 - dy + 2 * margin, x0 - dx : x1 - dx + 2 * margin]
            scores.append(float(cv2.matchTemplate(window, first[y0:y1, x0:x1], cv2.TM_CCOEFF_NORMED).max()))
    return Agreement(
        likeness=float(np.median(scores)),
        overlap=height * width / min(h1 * w1, h2 * w2),
        shift_share=max(abs(dy) / h1, abs(dx) / w1),
    )


def _cuts(start: int, length: int) -> list[tuple[int, int]]:
    """A stretch cut into equal blocks of about `BLOCK_PX`."""
    count = max(1, length // BLOCK_PX)
    edges = [start + length * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))
