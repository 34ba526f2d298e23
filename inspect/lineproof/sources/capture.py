"""A live device as a Source: its own thread, its own clock, fresh handles within a budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from lineproof.core import Frame
from lineproof.core.budget import RestartBudget
from lineproof.errors import FrameError, ImageError, SourceLost, SourceTimeout
from lineproof.sources.contract import FrameContract
from lineproof.sources.exposure import CameraClock
from lineproof.sources.handle import Handle, Shot
from lineproof.sources.lease import Lease
from lineproof.sources.settings import LiveSettings
from lineproof.sources.shots import Arrival, ShotThread

# Threads left behind in a driver that never returns; more of them and only a new process helps.
MAX_HUNG = 8


class CaptureSource:
    """Grabs from a thread and gives up on a handle by our own clock, whatever the driver believes.

    A loss is reported once as SourceLost; while a fresh handle is being opened, grabbing times out. When the budget
    is spent every grab raises SourceLost: the source stays lost. A picture that breaks the FrameContract is a
    FrameError, one of another size is the loss of its handle.
    """

    def __init__(
        self, open_handle: Callable[[], Handle], settings: LiveSettings, what: str, lease: Lease | None = None
    ) -> None:
        """`open_handle` claims the `lease` when it knows its camera; it is held until the source is closed."""
        self._open_handle = open_handle
        self._settings = settings
        self._what = what  # for messages: no secrets in it
        self._lease = lease
        self._contract = FrameContract(width=settings.width, height=settings.height, frozen_after=settings.frozen_after)
        self._clock = CameraClock()
        self._budget = RestartBudget(settings.restarts, settings.restart_window_s)
        self._session = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._count = 0
        self._thread: ShotThread | None = None
        self._hung: list[ShotThread] = []
        self._reopen_ns = 0
        self._backoff_s = settings.backoff_s
        self._down = False
        self._gone: SourceLost | None = None
        self._closed = threading.Event()

    def start(self) -> CaptureSource:
        """Open for the first time; raises SourceLost when no picture comes within `open_timeout_s`."""
        thread = self._thread = self._fresh_thread()
        if not thread.wait_open(self._settings.open_timeout_s):
            self.close()
            raise thread.error or SourceLost(
                f"{self._what}: no picture within {self._settings.open_timeout_s:g} s",
                hint="check power, cable and address",
            )
        return self

    def grab(self, timeout_s: float) -> Frame:
        """The next picture as a part of its own; raises SourceTimeout, SourceLost (see the class) or FrameError."""
        until_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while True:
            thread = self._current(until_ns)
            thread.ask()
            arrival = thread.take(_seconds(min(until_ns, self._given_up_ns(thread))))
            try:
                if arrival is not None:
                    return self._frame(arrival)
                reason = self._dead(thread)
            except SourceLost as broken:
                reason = broken
            if reason is not None:
                self._lose(thread, reason)
            elif time.monotonic_ns() >= until_ns:
                raise SourceTimeout(f"{self._what}: no picture within {timeout_s:g} s")

    @property
    def gaps(self) -> int:
        """Pictures that the camera counted and that did not arrive whole; 0 for one that does not count."""
        return self._contract.gaps

    def close(self) -> None:
        """Stop reading; a thread that hangs in the driver is left behind, and the lease with it."""
        self._closed.set()
        if self._thread is not None:
            self._thread.leave()
            self._thread.join(timeout=0.5)
            self._hung.append(self._thread)
            self._thread = None
        if self._lease is not None and not any(thread.is_alive() for thread in self._hung):
            self._lease.release()

    def _fresh_thread(self) -> ShotThread:
        self._contract.renew()
        self._clock.renew()
        thread = ShotThread(
            self._open_handle,
            discard=self._settings.discarded,
            what=self._what,
            on_demand=self._settings.on_demand,
        )
        thread.start()
        return thread

    def _current(self, until_ns: int) -> ShotThread:
        """The thread to listen to, a new one if it is time for it; raises SourceTimeout or SourceLost otherwise."""
        if self._gone is not None:
            self._closed.wait(_seconds(until_ns))
            raise self._gone
        if self._thread is None:
            if self._closed.wait(_seconds(min(until_ns, self._reopen_ns))) or time.monotonic_ns() < self._reopen_ns:
                raise SourceTimeout(f"{self._what}: lost, to be opened again")
            self._thread = self._fresh_thread()
        return self._thread

    def _given_up_ns(self, thread: ShotThread) -> int:
        limit_s = self._settings.open_timeout_s if thread.opened_ns is None else self._settings.stall_s
        return thread.last_ns + int(limit_s * 1e9)

    def _dead(self, thread: ShotThread) -> SourceLost | None:
        """Why this handle is of no more use; None while it is."""
        if thread.error is not None:
            return thread.error
        if not thread.is_alive():
            return SourceLost(f"{self._what}: the capture thread died")
        silent_s = (time.monotonic_ns() - thread.last_ns) / 1e9
        if time.monotonic_ns() < self._given_up_ns(thread):
            return None
        return SourceLost(f"{self._what}: no picture for {silent_s:.1f} s", hint="check power, cable and address")

    def _lose(self, thread: ShotThread, reason: SourceLost) -> None:
        """Leave the handle behind and plan a fresh one; raises SourceLost when this begins or ends the outage."""
        thread.leave()
        self._thread = None
        self._hung = [old for old in (*self._hung, thread) if old.is_alive()]
        if not self._budget.take() or len(self._hung) > MAX_HUNG:
            self._gone = SourceLost(f"{reason.message}; given up after {self._budget}", hint="restart the line")
            raise self._gone
        self._reopen_ns = time.monotonic_ns() + int(self._backoff_s * 1e9)
        self._backoff_s = min(2 * self._backoff_s, self._settings.backoff_max_s)
        if not self._down:
            self._down = True
            raise reason

    def _frame(self, arrival: Arrival) -> Frame:
        self._count += 1
        part_id = f"{self._settings.name}-{self._session}-{self._count:06d}"
        try:
            shot = self._kept(arrival)
        except ImageError as error:
            message = error.message if error is arrival.shot else f"{self._what}: {error.message}"
            raise FrameError(message, part_id=part_id, origin=str(self._count), hint=error.hint) from None
        self._down, self._backoff_s = False, self._settings.backoff_s
        return Frame(
            shot.image,
            part_id,
            source_id=self._settings.name,
            view=self._settings.view,
            origin=str(self._count),
            grabbed_ns=arrival.at_ns,
            grabbed_at=arrival.at,
            camera_ns=None if shot.stamp_ns is None else self._clock.exposed_ns(shot.stamp_ns, arrival.at_ns),
        )

    def _kept(self, arrival: Arrival) -> Shot:
        """The picture if it keeps the contract; raises ImageError or SourceLost if it does not."""
        if isinstance(arrival.shot, ImageError):
            raise arrival.shot
        try:
            self._contract.check(arrival.shot)
        except SourceLost as error:
            raise SourceLost(f"{self._what}: {error.message}", hint=error.hint) from None
        return arrival.shot


def _seconds(until_ns: int) -> float:
    return max(0.0, (until_ns - time.monotonic_ns()) / 1e9)
