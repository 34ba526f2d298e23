"""A source behind a gate: a frame that is not as commissioned is no frame."""

from __future__ import annotations

from lineproof.core import Frame
from lineproof.errors import FrameError
from lineproof.ports import Source
from lineproof.watch.quality import QualityGate


class GatedSource:
    """Implements ports.Source."""

    def __init__(self, source: Source, gate: QualityGate) -> None:
        self._source = source
        self._gate = gate

    def grab(self, timeout_s: float) -> Frame:
        """The next frame; raises FrameError for one that the gate refuses, and what the source raises."""
        frame = self._source.grab(timeout_s)
        why = self._gate.check(frame.image)
        if why is not None:
            raise FrameError(why, part_id=frame.part_id, origin=frame.origin)
        return frame

    def close(self) -> None:
        """Close the source."""
        self._source.close()
