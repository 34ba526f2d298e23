"""A source that delivers what it was told: tests, and wiring checks without a camera."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lineproof.core import Frame
from lineproof.errors import SourceEnded, SourceError, SourceTimeout


class ScriptedSource:
    """Plays a script: a Frame is delivered, an error is raised, a number is a silence in seconds."""

    def __init__(self, script: Iterable[Frame | SourceError | float]) -> None:
        self._script = iter(script)
        self._silence_s = 0.0
        self._closed = threading.Event()
        self.closed = False

    def grab(self, timeout_s: float) -> Frame:
        """The next entry of the script; its end is SourceEnded."""
        while not self._silence_s:
            step = next(self._script, None)
            if step is None:
                raise SourceEnded("the script is through")
            if isinstance(step, SourceError):
                raise step
            if isinstance(step, Frame):
                return step
            self._silence_s = float(step)
        waited_s = min(self._silence_s, timeout_s)
        self._silence_s -= waited_s
        self._closed.wait(waited_s)
        raise SourceTimeout("scripted silence")

    def close(self) -> None:
        """End the silence."""
        self.closed = True
        self._closed.set()
