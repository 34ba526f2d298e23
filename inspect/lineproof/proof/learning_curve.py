"""How a figure grows with the number of training images: an inverse power law with honest uncertainty.

`figure(n) = a − b · n^−c` (Cortes et al. 1994; Hestness et al. 2017), never falling and never above 1. There are few
runs – four sizes and three seeds – and three parameters, so nothing is read off one best fit: every curve that agrees
with the runs counts by how well it does, with the run-to-run noise integrated out (a Student likelihood), and a
prediction is the spread of what those curves and that noise say. A bootstrap over a dozen runs, three to a size, is
too narrow: resampling three values shows two thirds of their variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineproof.proof.intervals import Interval

F64 = NDArray[np.float64]

LEAST_SIZES = 3  # as many as the law has parameters
CONFIDENCE = 0.90
_EXPONENTS = np.geomspace(0.1, 2.0, 25)  # c: 0.07–0.35 is published for large data, up to 1 and more for small ones
_FADING = np.array([0.0, 0.5])  # noise falls as n^−h: not at all, or as a mean over n images does
# Two runs that differ in the seed alone differ by about 2 points of mAP on small data; weighs as one more run does.
_NOISE, _NOISE_RUNS = 0.02, 1.0
_STEPS = 25  # of each end of the curve
_DRAWS = 8000


@dataclass(frozen=True, slots=True)
class Point:
    """The figure (0..1) of one run on `images` training images."""

    images: int
    value: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run on so many images will show, in so many words: half are below `expected`, 90 % inside the interval."""

    images: int
    expected: float
    interval: Interval

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "images": self.images,
            "expected": round(self.expected, 4),
            "low": round(self.interval.low, 4),
            "high": round(self.interval.high, 4),
        }


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurve:
    """Curves that agree with the runs, as many of each kind as it deserves; or none, with the reason."""

    points: tuple[Point, ...]
    why_not: str  # "" when there is a curve
    ceiling: F64  # (draws,) a
    gain: F64  # (draws,) b
    exponent: F64  # (draws,) c
    noise: F64  # (draws,) what a new run differs by, at the geometric mean of the sizes
    fading: F64  # (draws,) h
    centre: float  # that mean

    @property
    def fitted(self) -> bool:
        """Something can be said about other sizes."""
        return not self.why_not

    def at(self, images: Sequence[int] | F64) -> F64:
        """Every curve at every size `(draws, sizes)`, noise left out."""
        n = np.asarray(images, np.float64)
        return self.ceiling[:, None] - self.gain[:, None] * n ** -self.exponent[:, None]

    def line(self, images: Sequence[int] | F64) -> tuple[F64, F64, F64]:
        """Low, middle and high `(sizes,)` of what runs will show."""
        n = np.asarray(images, np.float64)
        # No less noise than at the largest size measured: that of the seed does not go away with more images.
        measured = np.minimum(n, max(point.images for point in self.points))
        noise = self.noise[:, None] * (measured / self.centre) ** -self.fading[:, None]
        runs = np.clip(self.at(n) + noise, 0, 1)
        tail = (1 - CONFIDENCE) / 2
        low, middle, high = np.quantile(runs, [tail, 0.5, 1 - tail], axis=0)
        return low, middle, high

    def predict(self, images: int) -> Prediction:
        """What a run on so many images will show; raises ValueError where nothing could be fitted."""
        if not self.fitted:
            raise ValueError(self.why_not)
        low, middle, high = (float(column[0]) for column in self.line([images]))
        return Prediction(images, middle, Interval(low, high))

    def gain_between(self, now: int, then: int) -> Prediction:
        """What the curve rises by from one size to another, without the noise of single runs."""
        at = self.at([now, then])
        rise = at[:, 1] - at[:, 0]
        low, middle, high = np.quantile(rise, [(1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2])
        return Prediction(then, float(middle), Interval(float(low), float(high)))


def fit_learning_curve(points: Sequence[Point], *, seed: int = 0) -> LearningCurve:
    """The curves that agree with the runs; the same for the same points and seed.

    Fewer than three sizes, or runs that found nothing at all, give a curve that is not `fitted` and says why.

    Raises:
        ValueError: a value outside 0..1, or a size below 1.
    """
    for point in points:
        if point.images < 1 or not 0 <= point.value <= 1:
            raise ValueError(f"{point}: expected a size from 1 on and a value in 0..1")
    why_not = _why_not(points)
    if why_not:
        nothing = np.zeros(0)
        return LearningCurve(tuple(points), why_not, nothing, nothing, nothing, nothing, nothing, 1.0)
    n = np.array([point.images for point in points], np.float64)
    value = np.array([point.value for point in points], np.float64)
    return _sampled(tuple(points), n, value, np.random.default_rng(seed))


def _why_not(points: Sequence[Point]) -> str:
    sizes = {point.images for point in points}
    if len(sizes) < LEAST_SIZES:
        return f"{len(sizes)} size{'s' * (len(sizes) != 1)} measured; a curve needs {LEAST_SIZES}"
    if all(point.value == 0 for point in points):
        return "no run found anything: nothing to extrapolate from"
    return ""


def _sampled(points: tuple[Point, ...], n: F64, value: F64, rng: np.random.Generator) -> LearningCurve:
    """Weigh a grid of curves, then draw from it.

    A curve is named by its values at the smallest and the largest size, which the runs fix well, and by its exponent,
    which they do not. The grid is laid once over everything and then twice over where the weight is.
    """
    first, last = n.min(), n.max()
    fade = (n / np.exp(np.log(n).mean())) ** _FADING[:, None]  # (h, runs); product 1, so likelihoods compare
    low, high = np.array([0.0, 0.0]), np.array([1.0, 1.0])
    runs = len(n) + _NOISE_RUNS
    for _ in range(4):
        starts, ends = (np.linspace(low[i], high[i], _STEPS) for i in range(2))
        c, start, end = (axis.ravel() for axis in np.meshgrid(_EXPONENTS, starts, ends, indexing="ij"))
        gain = (end - start) / (first**-c - last**-c)
        ceiling = start + gain * first**-c
        kept = (gain >= 0) & (ceiling <= 1 + 1e-9)
        c, start, end, gain, ceiling = (column[kept] for column in (c, start, end, gain, ceiling))
        residual = value - (ceiling[:, None] - gain[:, None] * n ** -c[:, None])
        misfit = np.stack([((residual * row) ** 2).sum(axis=1) for row in fade], axis=1) + _NOISE_RUNS * _NOISE**2
        weight = (misfit / misfit.min()) ** (-runs / 2)  # (curves, h)
        total = weight.sum(axis=1)
        heavy = total > 1e-5 * total.max()
        step = (high - low) / (_STEPS - 1)
        edges = np.stack([start[heavy], end[heavy]])
        low = np.clip(edges.min(axis=1) - step, 0, 1)
        high = np.clip(edges.max(axis=1) + step, 0, 1)
    drawn = rng.choice(weight.size, _DRAWS, p=(weight / weight.sum()).ravel())
    curve, fading = np.divmod(drawn, len(_FADING))
    spread = np.sqrt(misfit.ravel()[drawn] / runs)
    centre = float(np.exp(np.log(n).mean()))
    noise = spread * rng.standard_t(runs, _DRAWS)
    return LearningCurve(points, "", ceiling[curve], gain[curve], c[curve], noise, _FADING[fading], centre)
