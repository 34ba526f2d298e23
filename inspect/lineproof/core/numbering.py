"""Sequence numbers for parts that no controller has counted."""

from __future__ import annotations

import threading

SEQ_MODULUS = 1 << 32


class Numbering:
    """One for each station, shared by all its triggers: a number means one part, whoever asked for it.

    Numbers must reach the station in the order in which they were given, because it takes an older one for a repetition.
    So they are given in `Controller.commands`, which the decision loop alone calls, and not where an edge or a request
    comes in.
    """

    def __init__(self, last: int = 0) -> None:
        """`last`: uint32, the number before the first one."""
        self._lock = threading.Lock()
        self._last = last

    def next(self) -> int:
        """One more than the last, modulo 2³², and never 0."""
        with self._lock:
            self._last = (self._last + 1) % SEQ_MODULUS or 1
            return self._last
