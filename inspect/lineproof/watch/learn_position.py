"""Whether the frames have something that stands still, and how still."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineproof.errors import GateError
from lineproof.watch.measures import Glimpse
from lineproof.watch.position import MIN_STEADY, Position, Template
from lineproof.watch.settings import PositionSettings
from lineproof.watch.spread import spread

# As a share of the picture's width; 0.5 % of it is some two and a half times what a place is good to.
_SHIFT_FLOOR, _SHAKES = 0.005, 0.01
_TURN_FLOOR_DEG = 0.8  # twice what a turn is good to
_MATCH_FLOOR = 0.1
_ALIKE = 0.6  # below this the steady pixels of good frames do not show one scene
_LEAST_STRUCTURE = 4.0  # grey levels of spread among the steady pixels


@dataclass(frozen=True, slots=True)
class LearntPosition:
    """The template with its limits, or why there is none."""

    template: Template | None
    limits: PositionSettings | None
    why_not: str = ""


def learn_position(frames: Sequence[Glimpse]) -> LearntPosition:
    """Template and limits; the template's path is a placeholder until it is written.

    Raises:
        GateError: the steady scene itself moves from frame to frame.
    """
    if len({frame.wh for frame in frames}) > 1:
        return LearntPosition(None, None, "the pictures differ in size")
    template = Template.of([frame.grey for frame in frames])
    if template.steady_share < MIN_STEADY:
        return LearntPosition(None, None, f"only {template.steady_share:.0%} of the picture stands still")
    if float(template.grey[template.steady].std()) < _LEAST_STRUCTURE:
        return LearntPosition(None, None, "what stands still has no structure")
    places = [template.locate(frame) for frame in frames]
    alike = float(np.median([place.match for place in places]))
    if alike < _ALIKE:
        return LearntPosition(None, None, f"what stands still differs from frame to frame, match {alike:.2f}")
    width = frames[0].wh[0]
    _require_still(places, width)
    return LearntPosition(template, _limits(places, width))


def _require_still(places: Sequence[Position], width: int) -> None:
    """One frame in ten may be off: somebody touched the table."""
    shift = float(np.percentile([place.shift_px for place in places], 90))
    if shift > _SHAKES * width:
        raise GateError(
            f"the picture moves by up to {shift:.0f} px between frames",
            hint="fix the camera, trigger it, or use --no-position where parts come at varying places",
        )


def _limits(places: Sequence[Position], width: int) -> PositionSettings:
    shift = spread([place.shift_px for place in places], _SHIFT_FLOOR * width).high
    turn = spread([abs(place.turn_deg) for place in places], _TURN_FLOOR_DEG).high
    match = spread([place.match for place in places], _MATCH_FLOOR).low
    return PositionSettings(
        template=Path("template.png"),
        max_shift_px=math.ceil(shift * 10) / 10,
        max_turn_deg=math.ceil(turn * 100) / 100,
        min_match=max(-1.0, math.floor(match * 1000) / 1000),
    )
