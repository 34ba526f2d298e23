"""What stations need of the place where inference runs; the room itself lies in `engine_room`."""

from __future__ import annotations

from typing import Protocol

from lineproof.core import Frame, Provenance


class Room(Protocol):
    """Takes frames and never waits; what comes of them is told as news."""

    ready: bool
    trouble: str  # why no frame can be inspected; "" when one can
    restarts: int

    def start(self) -> None:
        """Begin to get ready; returns at once."""

    def submit(self, station: str, view: str, seq: int, frame: Frame, due_ns: int) -> bool:
        """Take a frame that must be inspected by `due_ns`; False when it cannot be taken."""

    def abandon(self, station: str, seq: int) -> None:
        """Nobody waits for this part any more; what is not begun is dropped."""

    def supervise(self) -> None:
        """Called by the decision loop at each turn: what hangs is ended and begun anew."""

    def close(self) -> None:
        """End it."""


NOT_YET = Provenance("", "", "", "", (0, 0))  # no bundle is open
