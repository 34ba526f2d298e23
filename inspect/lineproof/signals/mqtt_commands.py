"""Commands off the wire: checked, bounded, and never a phantom part."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lineproof.core.station import Acknowledged, Alive, Command
from lineproof.errors import InputError
from lineproof.signals.messages.command import Ack, Heartbeat, Trigger, parse

TOPICS = ("trigger", "ack", "controller")
MAX_WAITING = 256  # the loop drains it every few milliseconds


class CommandInbox:
    """Filled by the thread of a wire, drained by the decision loop."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` is called when a command waits."""
        self.refused = 0
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: list[Command] = []
        self._heartbeat: int | None = None

    def receive(self, topic: str, payload: bytes, *, retained: bool, session: int | None) -> None:
        """Take a message; `topic` is one of TOPICS, `session` that of the view shown last.

        Raises:
            InputError: it was refused, and counted.
        """
        try:
            command = self._command(topic, payload, session, retained=retained)
            with self._lock:
                if len(self._waiting) >= MAX_WAITING:
                    raise InputError(f"{MAX_WAITING} commands wait already")
                self._waiting += [] if command is None else [command]
            if command is not None:
                self._wake()
        except InputError:
            self.refused += 1
            raise

    def drain(self) -> tuple[Command, ...]:
        """All that wait, oldest first."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return tuple(waiting)

    def disconnected(self) -> None:
        """What waits is refused: after an outage its part is no longer in front of the camera."""
        self.refused += len(self.drain())
        self._heartbeat = None

    def _command(self, topic: str, payload: bytes, session: int | None, *, retained: bool) -> Command | None:
        if retained:
            # The broker would repeat it at every connection: a trigger without a part.
            raise InputError("retained: commands must be published without the retain flag")
        if topic == "trigger":
            return parse(payload, Trigger).command
        if topic == "ack":
            ack = parse(payload, Ack)
            if ack.session != session:
                raise InputError("session: not that of this station since its last start")
            return Acknowledged(ack.seq)
        heartbeat = parse(payload, Heartbeat).heartbeat
        changed = self._heartbeat is not None and heartbeat != self._heartbeat
        self._heartbeat = heartbeat
        return Alive() if changed else None
