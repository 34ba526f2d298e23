"""When an answer is too late, by the monotonic clock."""

from __future__ import annotations

from typing import NamedTuple, Self


class Deadline(NamedTuple):
    """Two moments of one part: the last one to start sending, and the one at which the answer must be there."""

    cutoff_ns: int
    due_ns: int

    @classmethod
    def after(cls, grabbed_ns: int, deadline_ms: float, reserve_ms: float) -> Self:
        """Measured from the grab, not from when somebody found time to look."""
        due_ns = grabbed_ns + int(deadline_ms * 1e6)
        return cls(due_ns - int(reserve_ms * 1e6), due_ns)

    def left_s(self, now_ns: int) -> float:
        """Seconds until the cutoff; 0 when it has passed."""
        return max(0.0, (self.cutoff_ns - now_ns) / 1e9)

    def passed(self, now_ns: int) -> bool:
        """A verdict of now is too late to be sent."""
        return now_ns >= self.cutoff_ns
