"""A thread that owns one device handle: opens it, drains it, and can be left behind when it hangs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lineproof.errors import ImageError, SourceLost
from lineproof.sources.handle import Handle, Shot

# Taken from here at once by whoever feeds the line; more than this waiting means the machine itself is starved.
MAX_WAITING = 32


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """One picture or why it is none, stamped when the device delivered it."""

    shot: Shot | ImageError
    at_ns: int = field(default_factory=time.monotonic_ns)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class ShotThread(threading.Thread):
    """Reads until told to leave; the handle is opened, read and closed by this thread alone."""

    def __init__(self, open_handle: Callable[[], Handle], *, discard: int, what: str, on_demand: bool = False) -> None:
        """`discard` pictures are thrown away, that of the opening among them; `on_demand`: read only when asked."""
        super().__init__(name=f"capture {what}", daemon=True)  # daemon: a hung driver must not keep the process
        self._open_handle = open_handle
        self._discard = discard
        self._what = what
        self._on_demand = on_demand
        self._asked = False
        self._changed = threading.Condition()
        self._arrived: deque[Arrival] = deque()
        self._leaving = False
        self.opened_ns: int | None = None  # when the first picture had come
        self.last_ns = time.monotonic_ns()  # when the device last showed life
        self.error: SourceLost | None = None

    def run(self) -> None:
        """Open, throw the first pictures away, then drain the device for good."""
        try:
            handle = self._open_handle()
        except (SourceLost, ImageError) as error:
            self._fail(SourceLost(error.message, hint=error.hint))
            return
        try:
            self._alive(opened=True)
            for _ in range(self._discard - 1):  # opening has already read one
                while self._read(handle) is None and not self._leaving:
                    pass
            while self._wanted():
                self._keep(self._read(handle))
        except SourceLost as error:
            self._fail(error)
        finally:
            handle.close()

    def ask(self) -> None:
        """On demand: read one picture more, unless one is on its way already."""
        with self._changed:
            if self._on_demand and not self._asked:
                self._asked = True
                self.last_ns = time.monotonic_ns()  # nobody listened until now
                self._changed.notify_all()

    def take(self, timeout_s: float) -> Arrival | None:
        """The oldest arrival; None when none came in time or none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrived or self.error or not self.is_alive(), timeout=timeout_s)
            return self._arrived.popleft() if self._arrived else None

    def wait_open(self, timeout_s: float) -> bool:
        """True once the first picture has come, whatever happened to the device since."""
        with self._changed:
            self._changed.wait_for(lambda: self.opened_ns or self.error, timeout=timeout_s)
            return self.opened_ns is not None

    def leave(self) -> None:
        """Ask it to go after the read it is in; what it still delivers is thrown away."""
        with self._changed:
            self._leaving = True
            self._arrived.clear()
            self._changed.notify_all()

    def _wanted(self) -> bool:
        """True when the next picture is to be read: at once, or when somebody asks for it."""
        if self._on_demand:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._leaving)
        return not self._leaving

    def _read(self, handle: Handle) -> Arrival | None:
        arrival: Arrival | None
        try:
            shot = handle.read()
            arrival = None if shot is None else Arrival(shot)
        except ImageError as error:
            arrival = Arrival(error)
        self._alive()
        return arrival

    def _alive(self, *, opened: bool = False) -> None:
        with self._changed:
            self.last_ns = time.monotonic_ns()
            if opened:
                self.opened_ns = self.last_ns
                self._changed.notify_all()

    def _keep(self, arrival: Arrival | None) -> None:
        with self._changed:
            if self._leaving or arrival is None:
                return
            if len(self._arrived) >= MAX_WAITING:  # never silently: the picture goes, the part is named
                arrival = Arrival(ImageError(f"{self._what}: {MAX_WAITING} pictures waiting, this one was dropped"))
            self._arrived.append(arrival)
            self._asked = False
            self._changed.notify_all()

    def _fail(self, error: SourceLost) -> None:
        with self._changed:
            self.error = error
            self._changed.notify_all()
