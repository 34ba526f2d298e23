"""How often something may be restarted before it must stay down."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class RestartBudget:
    """So many restarts in so long, by the monotonic clock; after that every request is refused, for good."""

    def __init__(self, restarts: int, window_s: float, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.restarts = restarts
        self.window_s = window_s
        self.spent = False
        self._clock_ns = clock_ns
        self._used_ns: deque[int] = deque()

    def take(self) -> bool:
        """Use one restart; False when none is left, and from then on always."""
        now_ns = self._clock_ns()
        while self._used_ns and now_ns - self._used_ns[0] > self.window_s * 1e9:
            self._used_ns.popleft()
        self.spent = self.spent or len(self._used_ns) >= self.restarts
        if not self.spent:
            self._used_ns.append(now_ns)
        return not self.spent

    @property
    def used(self) -> int:
        """Restarts taken within the window, as of the last request."""
        return len(self._used_ns)

    def __str__(self) -> str:
        return f"{self.restarts} restarts in {self.window_s:g} s"
