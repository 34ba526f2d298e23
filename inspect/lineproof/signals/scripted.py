"""A signal that remembers what it was told and fails on demand: tests, and wiring checks without a PLC."""

from __future__ import annotations

from collections.abc import Callable

from lineproof.core import Inspection
from lineproof.errors import SignalError


class ScriptedSignal:
    """`fails` is asked before each send; True means that the outside world does not take it."""

    def __init__(self, fails: Callable[[Inspection], bool] = lambda _: False) -> None:
        self._fails = fails
        self.sent: list[Inspection] = []
        self.heartbeats = 0
        self.closed = False

    def send(self, inspection: Inspection) -> None:
        """Remember, or raise SignalError."""
        if self._fails(inspection):
            raise SignalError("scripted failure")
        self.sent.append(inspection)

    def heartbeat(self) -> None:
        """Count."""
        self.heartbeats += 1

    def close(self) -> None:
        """Remember that too."""
        self.closed = True
