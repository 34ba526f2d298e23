"""A trigger that a program fires, and the one answer to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from lineproof.core.numbering import Numbering
from lineproof.core.station import Command, PartResult, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.line.triggers.reading import after_reading


class Shot:
    """One trigger that was fired; made by SoftwareTrigger."""

    def __init__(self, part_id: str, recipe: int, deadline_ms: int, withdraw: Callable[[Shot], None]) -> None:
        self.part_id = part_id
        self.recipe = recipe
        self.deadline_ms = deadline_ms
        self.session = 0
        self.seq = 0  # until the station has taken it
        self._before: PartResult | None = None  # what stood there then
        self._withdraw = withdraw
        self._done = threading.Event()
        self._result: PartResult | None = None
        self._trouble = ""

    def wait(self, timeout_s: float) -> PartResult | None:
        """The one answer to this trigger; None: not within the time, and what comes later is handed to nobody.

        Raises:
            SignalError: there will be no answer.
        """
        if not self._done.wait(timeout_s):
            self._withdraw(self)
        if self._trouble:
            raise SignalError(self._trouble)
        return self._result

    def taken(self, seq: int, view: StationView) -> None:
        """The station gets it with the next turn of its loop; `view` is what it showed last."""
        self.seq, self.session, self._before = seq, view.session, view.result

    def is_answered_by(self, result: PartResult) -> bool:
        """By session and number; not by what stood there before it, whoever gave that the same number."""
        return (result.session, result.seq) == (self.session, self.seq) and result != self._before

    def answered(self, result: PartResult) -> None:
        """The station has answered."""
        self._result = result
        self._done.set()

    def failed(self, trouble: str) -> None:
        """The station will not answer."""
        self._trouble = trouble
        self._done.set()


class SoftwareTrigger:
    """Implements ports.Controller; `fire` may be called from any thread.

    One shot at a time: a second one would be answered by MISSED, which a view does not show while a part is under way.
    """

    def __init__(
        self,
        numbering: Numbering,
        *,
        silent_ms: float = 1000,
        acknowledge: bool = True,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """`silent_ms`: no view for so long means that the station does not run. `wake` is called by `fire`.

        `acknowledge`: take the last result back before each trigger; not where another wire has somebody who does.
        """
        self._numbering = numbering
        self._acknowledge = acknowledge
        self._silent_s = silent_ms / 1000
        self._wake = wake or (lambda: None)
        self._lock = threading.Lock()
        self._shot: Shot | None = None
        self._view: StationView | None = None
        self._shown_s = 0.0
        self._closed = False

    def fire(self, part_id: str = "", *, recipe: int = 0, deadline_ms: int = 0) -> Shot | None:
        """Ask for an inspection of the part in front of the camera; None: another part is under way.

        Raises:
            SignalError: the station could not take it.
        """
        with self._lock:
            view = self._view
            if self._closed or view is None or time.monotonic() - self._shown_s > self._silent_s:
                raise SignalError("the station does not run", hint="see the log of the line")
            if self._shot is not None or view.acquiring or view.inspecting:
                return None
            if not view.takes_known_parts:
                fault = f", fault {view.fault_code}" if view.fault_code else ""
                raise SignalError(f"the station is not ready: {view.state.name}{fault}")
            self._shot = shot = Shot(part_id, recipe, deadline_ms, self._withdraw)
        self._wake()
        return shot

    def show(self, view: StationView) -> None:
        """Hand the result to whoever waits for it."""
        with self._lock:
            self._require_open()
            self._view = view
            self._shown_s = time.monotonic()
            shot, result = self._shot, view.result
            if shot is None or not shot.seq:
                return
            if view.session != shot.session:
                self._shot = None
                shot.failed("the station has begun a new session")
            elif result is not None and shot.is_answered_by(result):
                self._shot = None
                shot.answered(result)

    def commands(self) -> Sequence[Command]:
        """The trigger that was fired."""
        with self._lock:
            self._require_open()
            shot, view = self._shot, self._view
            if shot is None or shot.seq or view is None:
                return ()
            shot.taken(self._numbering.next(), view)
            trigger = Triggered(shot.seq, shot.part_id, shot.recipe, shot.deadline_ms)
            return after_reading(view if self._acknowledge else None, [trigger])

    def close(self) -> None:
        """Whoever waits learns that there will be no answer."""
        with self._lock:
            self._closed = True
            shot, self._shot = self._shot, None
        if shot is not None:
            shot.failed("the station was stopped")

    def _withdraw(self, shot: Shot) -> None:
        """Nobody waits any more; what the station has not taken yet is not fired."""
        with self._lock:
            if self._shot is shot:
                self._shot = None

    def _require_open(self) -> None:
        if self._closed:
            raise SignalError("software trigger: it was closed")
