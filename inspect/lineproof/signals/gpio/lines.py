"""Lines of a GPIO chip as the rest of the package sees them: levels to put, edges to wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LineEdge:
    """An input has changed."""

    offset: int
    active: bool  # now
    at_ns: int  # stamped by the kernel, monotonic clock


class Lines(Protocol):
    """The lines of one chip that a station uses; levels are logical, True is active."""

    debounced: bool  # the kernel debounces the inputs
    lost: int  # edges that came while the kernel's buffer was full

    def put(self, levels: Mapping[int, bool]) -> None:
        """Drive outputs, all in one step; raises SignalError when the chip did not take it."""

    def level(self, offset: int) -> bool:
        """An input as it is now; raises SignalError."""

    def wait(self, timeout_s: float) -> Sequence[LineEdge]:
        """Edges since the last call, oldest first; waits for the first one. Raises SignalError when the chip is gone."""

    def close(self) -> None:
        """Every output inactive, every line released; may be called twice, and never raises."""
