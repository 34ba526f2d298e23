"""Frames for a commissioning, from the line's own source."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from lineproof.cli.commission_sheet import Shown, shown
from lineproof.cli.commission_wish import Board
from lineproof.core import Frame
from lineproof.errors import FrameError, GateError, SourceEnded
from lineproof.ports import Source
from lineproof.sources.open import open_source
from lineproof.sources.settings import ReplaySettings, SourceSettings
from lineproof.watch.measures import Glimpse, glimpse
from lineproof.watch.scale import Scale, scale_from_board

Tracked = Callable[[Sequence[int], str], Iterable[int]]

_PATIENCE_S = 10.0  # a triggered camera waits for the next part
_MOST_DAMAGED = 10
_BOARDS = 5  # pictures of the board: the middle one of their scales counts


@dataclass(frozen=True, slots=True, eq=False)
class Grabbed:
    """What was kept of the frames; damaged ones are counted alone."""

    glimpses: list[Glimpse] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def grab(settings: SourceSettings, frames: int, every_s: float, tracked: Tracked) -> Grabbed:
    """So many frames, a camera's spaced by `every_s`.

    Raises:
        GateError: a replay ended before, or too many frames are damaged.
        SourceError: no camera, or no picture from it in time.
    """
    seen = Grabbed()
    with closing(open_source(settings)) as source:
        came = _spaced(source, 0.0 if isinstance(settings, ReplaySettings) else every_s, seen.damaged)
        for row in tracked(range(frames), "frames"):
            frame = next(came, None)
            if frame is None:
                raise GateError(
                    f"the replay ended after {row} of {frames} frames", hint="record more, or ask for fewer: --frames"
                )
            seen.glimpses.append(glimpse(frame.image))
            seen.shown.append(shown(frame.part_id, frame.image))
    return seen


def grab_board(settings: SourceSettings, board: Board, frames: int, every_s: float, tracked: Tracked) -> Scale:
    """The scale from pictures of a checkerboard: the middle one of five, with the worst tilt of them.

    Raises:
        GateError: no such board in so many frames.
        SourceError: no camera, or no picture from it in time.
    """
    found: list[Scale] = []
    why = GateError("no frame came", hint="check the source")
    with closing(open_source(settings)) as source:
        came = _spaced(source, 0.0 if isinstance(settings, ReplaySettings) else every_s, [])
        for _ in tracked(range(frames), "board"):
            frame = next(came, None)
            if frame is None or len(found) == _BOARDS:
                break
            try:
                found.append(scale_from_board(frame.image, board.corners, board.square_mm))
            except GateError as error:
                why = error
    if not found:
        raise why
    middle = min(found, key=lambda scale: abs(scale.mm_per_px - statistics.median(s.mm_per_px for s in found)))
    return replace(middle, tilt=max(scale.tilt for scale in found))


def _spaced(source: Source, every_s: float, damaged: list[str]) -> Iterator[Frame]:
    """Whole frames with at least so much between their grabs, until the end; the others are drained, not kept waiting."""
    due_ns = 0
    while True:
        try:
            frame = source.grab(_PATIENCE_S)
        except SourceEnded:
            return
        except FrameError as error:
            damaged.append(error.message)
            if len(damaged) > _MOST_DAMAGED:
                raise GateError(f"{len(damaged)} damaged frames, the last: {error.message}") from None
            continue
        if frame.grabbed_ns >= due_ns:
            due_ns = frame.grabbed_ns + int(every_s * 1e9)
            yield frame
