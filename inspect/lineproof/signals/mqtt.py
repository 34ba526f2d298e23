"""A station on an MQTT broker: its state retained with a last will, its results at QoS 1, commands of a controller.

Under `insp/<site>/<line>/<station>/`: `state`, `result` and `error` are published, `trigger`, `ack` and `controller`
are subscribed to. MQTT 3.1.1 brings a command late or never when a network is in trouble: for data, and for lines that
can wait, never the only thing between a bad part and the customer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from lineproof.core.station import Command, StationView
from lineproof.errors import SignalError
from lineproof.signals.messages.result import result_message
from lineproof.signals.messages.state import state_message
from lineproof.signals.messages.values import encode
from lineproof.signals.mqtt_commands import CommandInbox
from lineproof.signals.mqtt_link import MqttLink
from lineproof.signals.mqtt_settings import MqttSettings
from lineproof.signals.store_forward import StoreForward, StoreHealth
from lineproof.signals.store_queue import Kind, Message

# A view that differs in none of these has only counted its heartbeat.
_FACTS = attrgetter(*(name for name in StationView.__slots__ if name != "heartbeat"))


@dataclass(frozen=True, slots=True)
class MqttHealth:
    """The wire as it is now, and what it counted."""

    connected: bool
    connections: int
    published: int  # messages that the broker confirmed, but for repeated states
    refused: int  # commands
    last_error: str  # "" when there was none
    store: StoreHealth


class Mqtt:
    """Implements ports.Controller; a broker that is away costs nothing but room in the store."""

    def __init__(
        self, settings: MqttSettings, *, beside: Path = Path(), wake: Callable[[], None] = lambda: None
    ) -> None:
        """Start connecting; files of the settings lie `beside` the line file, `wake` is called when a command waits.

        Raises:
            SettingsError: a certificate or the credentials cannot be read.
            SignalError: the folder of the store cannot be used.
        """
        self._settings = settings
        self._view: StationView | None = None
        self._shown_s = 0.0
        self._closed = False
        self._inbox = CommandInbox(wake)
        self._link = MqttLink(settings, beside, self._inbox, self._current)
        self._store = StoreForward(settings.store, beside)
        self._link.start(self._store)

    def show(self, view: StationView) -> None:
        """Hand the view over; what changed is published, a result once.

        Raises:
            SignalError: after `close`, or when the thread of the wire has died.
        """
        self._check_alive()
        last, self._view = self._view, view
        self._shown_s = time.monotonic()
        offered = False
        result = view.result
        if result is not None and (last is None or result is not last.result):
            payload = encode(result_message(result, self._settings.name))
            offered = self._store.offer(Message(Kind.RESULT, result.session, result.seq, payload))
        if last is None or _FACTS(last) != _FACTS(view):
            payload = encode(state_message(view, datetime.now(UTC)))
            offered |= self._store.offer(Message(Kind.STATE, view.session, 0, payload))
        if offered:
            self._link.wake()

    def commands(self) -> Sequence[Command]:
        """What was asked since the last call.

        Raises:
            SignalError: no connection to the broker, or one without its topics, or the wire is closed.
        """
        self._check_alive()
        if not self._link.connected or self._link.refusal:
            raise SignalError(
                f"mqtt: {self._settings.host}:{self._settings.port}: "
                f"{self._link.refusal or self._link.last_error or 'not connected yet'}",
                hint="check that the broker runs, its port and rights, mqtt.tls and mqtt.credentials_file",
            )
        return self._inbox.drain()

    def health(self) -> MqttHealth:
        """Counters and the last error."""
        return MqttHealth(
            connected=self._link.connected,
            connections=self._link.connections,
            published=self._link.published,
            refused=self._inbox.refused,
            last_error=self._link.last_error,
            store=self._store.health(),
        )

    def close(self) -> None:
        """Send what waits for a moment, show "offline", disconnect; what is not in a folder by then is lost."""
        if self._closed:
            return
        self._closed = True
        self._view = None
        self._link.stop()
        self._store.close()

    def _check_alive(self) -> None:
        if self._closed:
            raise SignalError("mqtt: the wire is closed")
        if not self._link.alive:
            raise SignalError("mqtt: the thread of the wire has died", hint="see the log; restart the line")

    def _current(self) -> StationView | None:
        """The view shown last, unless that was too long ago: the decision loop hangs."""
        view = self._view
        is_silent = time.monotonic() - self._shown_s > self._settings.silent_ms / 1000
        return None if is_silent else view
