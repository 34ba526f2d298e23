"""Inference on a thread of its own, so that the deadline does not depend on it.

The seam for a worker process: `submit` gives a ticket, the loop waits on the ticket as long as it likes.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from lineproof.core import Frame, Inspection
from lineproof.core.budget import RestartBudget

JOIN_S = 0.5  # a worker with nothing to do is gone in a millisecond


class Ticket:
    """One frame handed to the worker; done, given up before it was begun, or under way."""

    def __init__(self, frame: Frame, cutoff_ns: int) -> None:
        self.frame = frame
        self._cutoff_ns = cutoff_ns
        self.started_ns: int | None = None
        self.inspection: Inspection | None = None
        self.given_up = False  # nobody will ever work on it (any more)
        self._lock = threading.Lock()
        self._done = threading.Event()

    def wait(self, timeout_s: float) -> Inspection | None:
        """The inspection, or None when it is not there in time."""
        self._done.wait(timeout_s)
        return self.inspection

    def begin(self) -> bool:
        """The worker starts on it; False when it need not any more: later parts are waiting for the engine."""
        with self._lock:
            now_ns = time.monotonic_ns()
            self.given_up = self.given_up or now_ns >= self._cutoff_ns
            if not self.given_up:
                self.started_ns = now_ns
            return not self.given_up

    def finish(self, inspection: Inspection) -> None:
        """The worker is through."""
        self.inspection = inspection
        self._done.set()

    def cancel(self) -> None:
        """Too late for this one: it is not begun if it has not been."""
        with self._lock:
            self.given_up = self.given_up or self.started_ns is None

    def abandon(self) -> None:
        """Its worker is left behind."""
        with self._lock:
            self.given_up = True


class Worker(threading.Thread):
    """One thread, one frame at a time, in order."""

    def __init__(self, inspect: Callable[[Frame], Inspection]) -> None:
        super().__init__(name="inference", daemon=True)  # daemon: a hung inference must not keep the process
        self._inspect = inspect
        self._tickets: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self.current: Ticket | None = None

    def run(self) -> None:
        """Work until told to stop."""
        for ticket in iter(self._tickets.get, None):
            if ticket.begin():
                self.current = ticket
                ticket.finish(self._inspect(ticket.frame))
                self.current = None

    def submit(self, ticket: Ticket) -> None:
        """Hand over; returns at once."""
        self._tickets.put(ticket)

    def stop(self) -> None:
        """End after the frame under way."""
        self._tickets.put(None)


class Bench:
    """The worker in charge, replaced within a budget when it hangs or has died."""

    def __init__(self, inspect: Callable[[Frame], Inspection], *, hung_ms: float, budget: RestartBudget) -> None:
        """`inspect` must not raise."""
        self._inspect = inspect
        self._hung_ns = int(hung_ms * 1e6)
        self._budget = budget
        self._worker = self._fresh()
        self.restarts = 0
        self.trouble = ""  # what is wrong with the engine, in words; "" when nothing is

    def submit(self, frame: Frame, cutoff_ns: int) -> Ticket | None:
        """A ticket for the frame, not to be begun after the cutoff; None when the engine is given up for good."""
        if self._budget.spent:
            return None
        ticket = Ticket(frame, cutoff_ns)
        self._worker.submit(ticket)
        return ticket

    def supervise(self) -> None:
        """Replace a worker that hangs; once the budget is spent the line stays in FAULT."""
        running = self._worker.current
        started_ns = running.started_ns if running is not None else None
        hangs = started_ns is not None and time.monotonic_ns() - started_ns > self._hung_ns
        if self._budget.spent or not (hangs or not self._worker.is_alive()):
            return
        if running is not None:
            running.abandon()
        self._worker.stop()
        if self._budget.take():
            self.restarts += 1
            self._worker = self._fresh()
        else:
            self.trouble = f"the engine hangs; given up after {self._budget}: restart the line"

    def close(self) -> None:
        """Stop the worker after the frame under way; one that hangs is left behind."""
        self._worker.stop()
        self._worker.join(JOIN_S)

    def _fresh(self) -> Worker:
        worker = Worker(self._inspect)
        worker.start()
        return worker
