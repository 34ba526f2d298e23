"""Pictures of a strobed camera that came before the message of their trigger."""

from __future__ import annotations

from dataclasses import dataclass

from lineproof.core import Frame


@dataclass(frozen=True, slots=True)
class Early:
    """A picture nobody has asked for yet."""

    frame: Frame
    exposed_ns: int  # by the monotonic clock


class Held:
    """As far back as the strobe may come before its message; used by one thread."""

    def __init__(self, lead_ms: float) -> None:
        """0: nothing is held."""
        self._lead_ns = int(lead_ms * 1e6)
        self._pictures: list[Early] = []

    def put(self, early: Early) -> None:
        """Keep it, and let go of what is too old beside it."""
        oldest_ns = early.exposed_ns - self._lead_ns
        self._pictures = [one for one in self._pictures if one.exposed_ns > oldest_ns]
        if self._lead_ns:
            self._pictures.append(early)

    def take(self, after_ns: int) -> list[Early]:
        """All that were exposed after this moment, which are candidates for one trigger; nothing stays."""
        found = [one for one in self._pictures if one.exposed_ns > after_ns]
        self._pictures = []
        return found
