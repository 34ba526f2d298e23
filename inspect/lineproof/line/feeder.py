"""The thread that grabs: source → handoff. It never waits for the loop, and it gives every loss a name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lineproof.core import Frame
from lineproof.errors import FrameError, SourceEnded, SourceError, SourceTimeout
from lineproof.line.handoff import Handoff, Missed

GRAB_S = 0.1  # how long one grab may wait; also how soon a stop is heard
OVERDUE_S = 2.0  # a grab that has not come back so long after its own timeout hangs


class Feeder(threading.Thread):
    """Grabs until the source ends, a number of parts is reached, or it is told to stop."""

    def __init__(
        self,
        grab: Callable[[float], Frame],
        handoff: Handoff,
        *,
        source_id: str,
        view: str = "main",
        on_demand: bool = False,
    ) -> None:
        """`grab` raises nothing but SourceErrors; `on_demand`: grab only when the loop has nothing to do."""
        super().__init__(name="feeder", daemon=True)  # daemon: a hung grab must not keep the process
        self._grab = grab
        self._handoff = handoff
        self._source_id = source_id
        self._view = view
        self._on_demand = on_demand
        self._stopping = threading.Event()
        self._turned_ns = time.monotonic_ns()
        self.max_parts: int | None = None  # how many to grab; None: no end
        self.grabbed = 0
        self.losses = 0
        self.lost = ""  # why there are no frames now; "" while there are

    def run(self) -> None:
        """Feed until there is nothing more to feed, then close the handoff."""
        while not self._stopping.is_set() and self.grabbed != self.max_parts:
            self._turned_ns = time.monotonic_ns()
            if not self._on_demand or self._handoff.wait_hungry(GRAB_S):
                self._feed_one()
        self._handoff.close()

    def ask_to_stop(self) -> None:
        """End after the grab under way."""
        self._stopping.set()

    @property
    def trouble(self) -> str:
        """What is wrong with the source, in words; "" when nothing is."""
        silent_s = (time.monotonic_ns() - self._turned_ns) / 1e9
        if self.is_alive() and silent_s > GRAB_S + OVERDUE_S:
            return f"a grab hangs since {silent_s:.0f} s"
        return self.lost

    def _feed_one(self) -> None:
        try:
            frame = self._grab(GRAB_S)
        except SourceEnded:
            self._stopping.set()
        except SourceTimeout:
            pass
        except FrameError as error:
            self._arrived()
            self._miss(error.part_id, "frame", str(error), error.origin)
        except SourceError as error:
            self._lose(str(error))
        else:
            self._arrived()
            self._handoff.put(frame)

    def _arrived(self) -> None:
        self.grabbed += 1
        self.lost = ""

    def _lose(self, why: str) -> None:
        """One FAULT per outage: the outside world must see it even when no part is on its way."""
        if not self.lost:
            self.losses += 1
            self._miss(f"{self._source_id}-lost-{self.losses}", "source", why, "")
        self.lost = why
        self._stopping.wait(GRAB_S)

    def _miss(self, part_id: str, rule: str, text: str, origin: str) -> None:
        self._handoff.put(Missed(part_id, self._source_id, rule, text, view=self._view, origin=origin))
