"""What a good frame looks like, learnt from some dozens of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lineproof.errors import GateError
from lineproof.watch.faulted import TRIALS
from lineproof.watch.learn_position import LearntPosition, learn_position
from lineproof.watch.measures import Glimpse, Measures, measure
from lineproof.watch.position import Template
from lineproof.watch.quality import QualityGate
from lineproof.watch.settings import QualitySettings
from lineproof.watch.spread import Spread, outliers, spread

MIN_FRAMES = 20  # fewer, and the farthest good one says little about the next
MAX_REJECTED = 0.2  # more, and nobody knows which of them are the good ones


class _Kind(NamedTuple):
    """How one measure is looked at: on a logarithmic scale where light multiplies it."""

    words: str
    of: Callable[[Measures], float]
    floor: float  # no limit closer than this: half a stop of light matters, a tenth does not


def _log(value: float) -> float:
    return math.log(value + 2)  # grey levels; 2 of 255 are as good as none


_KINDS = {
    "mean": _Kind("mean", lambda m: _log(m.mean), 0.1),
    "contrast": _Kind("contrast", lambda m: _log(m.contrast), 0.1),
    "left_right": _Kind("left half by right", lambda m: math.log(m.left_right), 0.05),
    "top_bottom": _Kind("upper half by lower", lambda m: math.log(m.top_bottom), 0.05),
    "fine": _Kind("sharpness", lambda m: math.log(m.sharpness_fine), 0.05),
    "coarse": _Kind("coarse sharpness", lambda m: math.log(m.sharpness_coarse), 0.1),
}
_SHARE_FLOOR = 0.1  # a part that shines may take this much more of the picture


@dataclass(frozen=True, slots=True)
class Tried:
    """How many faults of one kind, made from the good frames, the learnt gate refuses."""

    name: str
    refused: int
    of: int
    must: bool

    @property
    def blind(self) -> bool:
        """Some would be let through that should never be."""
        return self.must and self.refused < self.of


@dataclass(frozen=True, slots=True)
class Learnt:
    """Everything that commissioning found out."""

    settings: QualitySettings  # without a template's place: whoever writes the file knows it
    template: Template | None
    rejected: dict[int, str]  # row of the frame: why it is no example
    tried: tuple[Tried, ...]
    notes: tuple[str, ...]  # for people: what could not be learnt, and why


def learn(frames: Sequence[Glimpse], *, position: bool = True) -> Learnt:
    """Limits from good frames; a frame far from all others is set aside.

    Raises:
        GateError: too few, all dark or white or flat, too different from each other, or the camera does not stand still.
    """
    if len(frames) < MIN_FRAMES:
        raise GateError(
            f"{len(frames)} frames, {MIN_FRAMES} are needed", hint="let the camera run longer, or record more"
        )
    measured = [measure(frame) for frame in frames]
    _require_a_picture(measured)
    rejected = _outliers(measured)
    if len(rejected) > MAX_REJECTED * len(frames):
        why = next(iter(rejected.values()))
        raise GateError(
            f"{len(rejected)} of {len(frames)} frames are unlike the others, e.g. {why}",
            hint="show good parts alone, under the light they will have",
        )
    good = [row for row in range(len(frames)) if row not in rejected]
    kept = [frames[row] for row in good]
    placed = learn_position(kept) if position else LearntPosition(None, None, "not asked for")
    settings = _limits([measured[row] for row in good], kept).model_copy(update={"position": placed.limits})
    tried = _tried(settings.model_copy(update={"position": None}), kept)
    notes = [f"where the camera looks is not checked: {placed.why_not}"] if placed.limits is None else []
    notes += [
        f"blind to {t.name}: {t.of - t.refused} of {t.of} made from these frames would pass" for t in tried if t.blind
    ]
    return Learnt(settings, placed.template, rejected, tried, tuple(notes))


def _require_a_picture(measured: Sequence[Measures]) -> None:
    """Raise GateError for frames in which nothing can be seen."""
    mean, p1, p99, contrast = (
        float(np.median([getattr(m, name) for m in measured])) for name in ("mean", "p1", "p99", "contrast")
    )
    if p99 < 30:  # a picture that uses an eighth of its range is no lit one
        raise GateError(f"all dark: mean {mean:.0f}, nothing above {p99:.0f} of 255", hint="lens cap, lamp, exposure")
    if p1 > 225:
        raise GateError(f"all white: mean {mean:.0f}, nothing below {p1:.0f} of 255", hint="shorten the exposure")
    if contrast < 10:
        raise GateError(f"nothing to see: {contrast:.0f} grey levels in the whole picture", hint="focus, fog, exposure")


def _outliers(measured: Sequence[Measures]) -> dict[int, str]:
    """Frames far from the others by one of their measures, in words."""
    found: dict[int, str] = {}
    for kind in _KINDS.values():
        values = [kind.of(m) for m in measured]
        middle = float(np.median(values))
        for row in np.flatnonzero(outliers(values, kind.floor)).tolist():
            times = math.exp(values[row] - middle)
            found.setdefault(row, f"{kind.words} {times:.2g} times that of the others")
    return dict(sorted(found.items()))


def _limits(measured: Sequence[Measures], frames: Sequence[Glimpse]) -> QualitySettings:
    """Rounded away from the good frames."""
    by_kind = {name: spread([kind.of(m) for m in measured], kind.floor) for name, kind in _KINDS.items()}
    mean, contrast = by_kind["mean"], by_kind["contrast"]
    sizes = {frame.wh for frame in frames}
    return QualitySettings(
        image_wh=sizes.pop() if len(sizes) == 1 else None,
        mean=(_down(max(0.0, math.exp(mean.low) - 2), 1), min(255.0, _up(math.exp(mean.high) - 2, 1))),
        min_contrast=_down(max(0.0, math.exp(contrast.low) - 2), 1),
        max_saturated=_share([m.saturated for m in measured]),
        max_dark=_share([m.dark for m in measured]),
        left_right=_ratio(by_kind["left_right"]),
        top_bottom=_ratio(by_kind["top_bottom"]),
        min_sharpness_fine=_down(math.exp(by_kind["fine"].low), 4),
        min_sharpness_coarse=_down(math.exp(by_kind["coarse"].low), 4),
    )


def _share(values: Sequence[float]) -> float:
    return min(1.0, _up(spread(values, _SHARE_FLOOR).high, 3))


def _ratio(of: Spread) -> tuple[float, float]:
    return _down(math.exp(of.low), 3), _up(math.exp(of.high), 3)


def _down(value: float, digits: int) -> float:
    scale = 10.0**digits
    return math.floor(value * scale) / scale


def _up(value: float, digits: int) -> float:
    scale = 10.0**digits
    return math.ceil(value * scale) / scale


def _tried(settings: QualitySettings, frames: Sequence[Glimpse]) -> tuple[Tried, ...]:
    """The learnt gate against the faults of a camera, made from the frames it was learnt from."""
    gate, results = QualityGate(settings), []
    for trial in TRIALS:
        refused = [gate.check_glimpse(broken) is not None for frame in frames for broken in trial.of(frame)]
        results.append(Tried(trial.name, sum(refused), len(refused), trial.must))
    return tuple(results)
