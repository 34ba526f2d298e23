"""What stations need of the place where inference runs; `engine_room` is that place."""

from __future__ import annotations

from typing import Protocol

from lineproof.core import Provenance
from lineproof.line.engine_room.events import Decides, Job, Key


class Room(Protocol):
    """Takes jobs and never waits; what comes of each is told as a RoomEvent."""

    trouble: str  # why no job would be taken; "" when one would

    @property
    def restarts(self) -> int:
        """Engines that were replaced."""

    def start(self) -> None:
        """Begin to get ready; returns at once."""

    def submit(self, job: Job) -> bool:
        """Take a job; False when it cannot be taken."""

    def abandon(self, key: Key, seq: int) -> None:
        """Nobody waits for this part any more; what is not begun is dropped."""

    def supervise(self) -> None:
        """Called by the decision loop at each turn: what hangs is ended and begun anew."""

    def close(self) -> None:
        """End it."""


NOT_YET = Decides(Provenance("", "", "", "", (0, 0)), ())  # no bundle is open
