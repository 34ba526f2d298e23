"""A chip without hardware: levels that a test sets and reads, edges stamped by the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from lineproof.errors import SignalError
from lineproof.signals.gpio.lines import LineEdge


class SoftwareChip:
    """Implements Lines; `history` holds every level that was put, with its time."""

    def __init__(self, *, debounced: bool = True, slow_s: float = 0.0) -> None:
        self.debounced = debounced
        self.lost = 0
        self.slow_s = slow_s
        self.broken = ""
        self.closed = False
        self.history: list[tuple[int, dict[int, bool]]] = []
        self._levels: dict[int, bool] = {}
        self._edges: list[LineEdge] = []
        self._news = threading.Condition()

    def drive(self, offset: int, active: bool, *, age_ms: float = 0.0) -> None:
        """An input changes."""
        with self._news:
            self._levels[offset] = active
            self._edges.append(LineEdge(offset, active, time.monotonic_ns() - int(age_ms * 1e6)))
            self._news.notify()

    def pulse(self, offset: int, *, age_ms: float = 0.0) -> None:
        self.drive(offset, True, age_ms=age_ms)
        self.drive(offset, False, age_ms=age_ms)

    def set(self, offset: int, active: bool) -> None:
        """An input that is so before anybody looks."""
        self._levels[offset] = active

    def lose(self, edges: int) -> None:
        self.lost += edges

    def now(self) -> dict[int, bool]:
        """The outputs."""
        return self.history[-1][1] if self.history else {}

    def put(self, levels: Mapping[int, bool]) -> None:
        self._check()
        time.sleep(self.slow_s)
        self.history.append((time.monotonic_ns(), {**self.now(), **levels}))

    def level(self, offset: int) -> bool:
        self._check()
        return self._levels.get(offset, False)

    def wait(self, timeout_s: float) -> Sequence[LineEdge]:
        self._check()
        with self._news:
            if not self._edges:
                self._news.wait(timeout_s)
            edges, self._edges = self._edges, []
            return edges

    def close(self) -> None:
        self.closed = True
        if not self.broken:
            self.history.append((time.monotonic_ns(), dict.fromkeys(self.now(), False)))

    def _check(self) -> None:
        if self.broken:
            raise SignalError(self.broken)
