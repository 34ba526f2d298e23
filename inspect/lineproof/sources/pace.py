"""One frame per period, by the monotonic clock."""

from __future__ import annotations

import threading
import time

from lineproof.errors import SourceTimeout


class Pace:
    """Lets frames through at `rate_hz`; without a rate, at once."""

    def __init__(self, rate_hz: float | None) -> None:
        self._period_ns = 0 if rate_hz is None else int(1e9 / rate_hz)
        self._due_ns: int | None = None
        self._stopped = threading.Event()

    def wait(self, timeout_s: float) -> None:
        """Return when the next frame is due; raises SourceTimeout when that is later than `timeout_s` from now."""
        if self._period_ns == 0:
            return
        now_ns = time.monotonic_ns()
        due_ns = now_ns if self._due_ns is None else self._due_ns
        left_s = (due_ns - now_ns) / 1e9
        # An event, not time.sleep: closing wakes it.
        if self._stopped.wait(max(0.0, min(left_s, timeout_s))) or left_s > timeout_s:
            raise SourceTimeout(f"next frame due in {left_s:.2f} s")
        # A line does not catch up: what came late shifts what follows.
        self._due_ns = max(due_ns + self._period_ns, time.monotonic_ns())

    def stop(self) -> None:
        """Wake and refuse whoever waits."""
        self._stopped.set()
