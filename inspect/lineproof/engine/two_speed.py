"""One caller is fastest on all cores, several are fastest on one core each: both, chosen call by call."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from lineproof.core import Detections, Image, StageTimes
from lineproof.ports import Engine

# Callers that take turns – one decodes, the other infers – meet again well within this time; a lone caller never does.
CROWD_S = 0.1


class TwoSpeedEngine:
    """A *wide* engine (all threads) for whoever is alone, a *narrow* one (one thread) for several callers at once.

    A call is alone when no other runs as it starts, and no two ran at once within the last `crowd_s` seconds: under load
    a wide run would fight for the cores on which the others still decode. Both engines must be made from the same
    bundle; each may be called from several threads at once.
    """

    def __init__(
        self, wide: Engine, narrow: Engine, *, crowd_s: float = CROWD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Pair two finished engines; raises ValueError when they are not the same model on the same hardware."""
        for fact in ("classes", "input_wh", "provider"):
            if getattr(wide, fact) != getattr(narrow, fact):
                raise ValueError(f"{fact}: {getattr(wide, fact)} is not {getattr(narrow, fact)}")
        self.wide = wide
        self.narrow = narrow
        self.classes = wide.classes
        self.input_wh = wide.input_wh
        self.provider = wide.provider
        self.fallback: str = getattr(wide, "fallback", "")
        self._crowd_s = crowd_s
        self._clock = clock
        self._lock = Lock()
        self._running = 0
        self._crowd_until_s = float("-inf")

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """As the chosen engine does; raises what it raises."""
        engine = self._enter()
        try:
            return engine.detect(image)
        finally:
            self._leave()

    def _enter(self) -> Engine:
        with self._lock:
            self._running += 1
            now_s = self._clock()
            if self._running > 1:
                self._crowd_until_s = now_s + self._crowd_s
                return self.narrow
            return self.wide if now_s >= self._crowd_until_s else self.narrow

    def _leave(self) -> None:
        with self._lock:
            if self._running > 1:  # a long run that others joined: the crowd is counted from its end
                self._crowd_until_s = self._clock() + self._crowd_s
            self._running -= 1
