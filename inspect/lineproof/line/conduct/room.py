"""What stations need of the place where inference runs; `engine_room` is that place."""

from __future__ import annotations

from collections.abc import Callable
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

    def submit(self, job: Job, laid: Callable[[], None]) -> bool:
        """Take a job; False when it cannot be taken. `laid` is called in any case, before anything is told of the job."""

    def abandon(self, key: Key, seq: int) -> None:
        """Nobody waits for this part any more; what is not begun is dropped."""

    def supervise(self) -> None:
        """Called by the decision loop at each turn: what hangs is ended and begun anew."""

    def close(self) -> None:
        """End it."""


NOT_YET = Decides(Provenance("", "", "", "", (0, 0)), ())  # no bundle is open
