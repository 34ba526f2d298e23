"""Simulated time: what happens when, in order; nobody sleeps."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Agenda:
    """Calls in the order of their times; calls of one time in the order they were put down."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._order = itertools.count()
        self._calls: list[tuple[int, int, Callable[[], None]]] = []

    def after(self, delay_ms: float, call: Callable[[], None]) -> None:
        """Put a call down for later."""
        heapq.heappush(self._calls, (self.now_ns + max(0, int(delay_ms * 1e6)), next(self._order), call))

    def every(self, period_ms: float, call: Callable[[], None]) -> None:
        """A call now and again, for ever."""

        def again() -> None:
            call()
            self.after(period_ms, again)

        self.after(period_ms, again)

    def run_until(self, end_ns: int) -> None:
        """Everything up to a time."""
        while self._calls and self._calls[0][0] <= end_ns:
            self.now_ns, _, call = heapq.heappop(self._calls)
            call()
        self.now_ns = end_ns
