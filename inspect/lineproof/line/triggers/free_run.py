"""A trigger each time the station can take one, or at a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pydantic import Field

from lineproof.core.numbering import Numbering
from lineproof.core.station import Command, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.line.triggers.reading import after_reading
from lineproof.settings import StrictModel


class FreeRunSettings(StrictModel):
    """Nobody says when a part is there."""

    rate_hz: float | None = Field(
        default=None, gt=0, le=10_000, description="triggers a second; default: whenever the station can take one"
    )

    @property
    def period_ns(self) -> int:
        """0: no rate."""
        return 0 if self.rate_hz is None else round(1e9 / self.rate_hz)


def next_due_ns(due_ns: int, now_ns: int, period_ns: int) -> int:
    """When to trigger after the trigger that was due at `due_ns` and went out at `now_ns` (both monotonic).

    It stays on the grid of the period and lies in the future: times that were missed are left out, never made up for.
    """
    if period_ns == 0:
        return now_ns
    return due_ns + period_ns * max(1, (now_ns - due_ns) // period_ns + 1)


class FreeRun:
    """Implements ports.Controller."""

    def __init__(
        self,
        settings: FreeRunSettings,
        numbering: Numbering,
        *,
        acknowledge: bool = True,
        wake: Callable[[], None] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`acknowledge`: take the last result back before each trigger; not where another wire has somebody who does."""
        self._period_ns = settings.period_ns
        self._numbering = numbering
        self._acknowledge = acknowledge
        self._wake = wake or (lambda: None)
        self._clock_ns = clock_ns
        self._view: StationView | None = None  # None: nothing is known of the station since the last trigger
        self._due_ns: int | None = None
        self._closed = False
        self.skipped = 0  # due times at which the station could not take one

    @property
    def due_ns(self) -> int | None:
        """When the next trigger is due (monotonic); None: before the first one, or while the station cannot take one."""
        return self._due_ns if self._view is not None and self._view.takes_known_parts else None

    def show(self, view: StationView) -> None:
        """Learn whether the station can take a trigger."""
        self._require_open()
        self._view = view
        if view.takes_known_parts and (self._due_ns is None or self._clock_ns() >= self._due_ns):
            self._wake()

    def commands(self) -> Sequence[Command]:
        """A trigger when one is due; none until the station was shown again after the last one."""
        self._require_open()
        now_ns = self._clock_ns()
        view = self._view
        if view is None or not view.takes_known_parts or (self._due_ns is not None and now_ns < self._due_ns):
            return ()
        due_ns = now_ns if self._due_ns is None else self._due_ns
        self._due_ns = next_due_ns(due_ns, now_ns, self._period_ns)
        self.skipped += max(0, (self._due_ns - due_ns) // self._period_ns - 1) if self._period_ns else 0
        self._view = None
        return after_reading(view if self._acknowledge else None, [Triggered(self._numbering.next())])

    def close(self) -> None:
        """No more triggers."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise SignalError("free run: it was closed")
