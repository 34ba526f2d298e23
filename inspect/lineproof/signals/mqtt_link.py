"""The connection to a broker, in a thread with a loop of its own; the one module that knows aiomqtt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
from aiomqtt import Client, MqttError, Will
from aiomqtt import Message as Received
from aiomqtt.types import PahoSocket

from lineproof.core.station import StationView
from lineproof.errors import InputError
from lineproof.signals.messages.command import error_message
from lineproof.signals.messages.state import offline_message, state_message
from lineproof.signals.messages.values import encode
from lineproof.signals.mqtt_access import credentials, tls_context
from lineproof.signals.mqtt_commands import TOPICS, CommandInbox
from lineproof.signals.mqtt_settings import MqttSettings
from lineproof.signals.store_forward import StoreForward
from lineproof.signals.store_queue import Handed, Kind

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between attempts to connect: a broker that is back has us within 2 s
KEEPALIVE_S = 5  # the broker publishes the last will after 1.5 times as long without a word (MQTT 3.1.1, 3.1.2.10)
WINDOW = 10  # messages in flight; brokers allow 20 or more
FAREWELL_S = 1.0  # for what waits, once `stop` was called
STOP_S = 12.0  # an attempt to connect cannot be interrupted: the network, then the handshake of TLS
REFUSED = 0x80  # of a subscription (MQTT 3.1.1, 3.9.3)

logging.getLogger("mqtt").addHandler(logging.NullHandler())  # its line for each broken connection: `last_error` has it


class MqttLink:
    """Empties a store into a broker, shows the current view there, and fills an inbox."""

    def __init__(
        self, settings: MqttSettings, beside: Path, inbox: CommandInbox, current: Callable[[], StationView | None]
    ) -> None:
        """`current` gives the view to be shown, None for "offline"; raises SettingsError for files that are no good."""
        self.connected = False
        self.refusal = ""  # why no command can come although we are connected
        self.connections = self.published = 0
        self.last_error = ""
        self._settings = settings
        self._tls = tls_context(settings.tls, beside)
        self._user, self._password = credentials(settings.credentials_file, beside)
        self._topic = f"insp/{settings.name}/"
        self._inbox = inbox
        self._current = current
        self._session: int | None = None  # of the view published last
        self._published_view: StationView | None = None
        self._published_s = 0.0

    def start(self, store: StoreForward) -> None:
        """Connect, and go on doing so."""
        self._store = store
        self._loop = asyncio.new_event_loop()
        self._wake, self._stop = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There is something in the store."""
        self._tell(self._wake)

    def stop(self) -> None:
        """Send what waits for a moment, show "offline" and disconnect."""
        self._tell(self._stop)
        self._tell(self._wake)
        self._thread.join(STOP_S)

    def _tell(self, event: asyncio.Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the thread has ended
            self._loop.call_soon_threadsafe(event.set)

    # All below runs in the thread.

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._connect_for_ever())
        finally:
            self.connected = False

    async def _connect_for_ever(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            client = self._new_client()
            before = self.connections
            # Not `async with`: after an error it would disconnect politely, and the broker not publish the last will.
            try:
                await client.__aenter__()
                await self._serve(client)
                await client.__aexit__(None, None, None)
            except MqttError as error:
                self.last_error = str(error) or type(error).__name__
            finally:
                _hang_up(client)
            pause_s = FIRST_PAUSE_S if self.connections > before else min(2 * pause_s, LONGEST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()

    def _new_client(self) -> Client:
        """One for each connection: a client that is used again sends again what we send again ourselves."""
        settings = self._settings
        client = _Client(
            settings.host,
            settings.port,
            # Always the same: the broker then closes a dead connection of ours, and publishes its last will, before
            # it lets the new one in; otherwise that "offline" could come later than our "online".
            identifier=settings.name.replace("/", "-"),
            clean_session=True,  # a command that came while we were away must not come later
            username=self._user,
            password=self._password,
            tls_context=self._tls,
            will=Will(self._topic + "state", encode(offline_message(self._session)), qos=1, retain=True),
            timeout=settings.timeout_ms / 1000,
            keepalive=KEEPALIVE_S,
            # Else a message waits for the acknowledgement of the one before, which TCP may hold back for 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = 2 * WINDOW  # it warns beyond
        client._client.connect_timeout = settings.timeout_ms / 1000  # no public way to it
        return client

    async def _serve(self, client: Client) -> None:
        """Until the connection breaks (MqttError) or `close` is called."""
        granted = await client.subscribe([(self._topic + name, 1) for name in TOPICS])
        refused = [name for name, code in zip(TOPICS, granted, strict=True) if code == REFUSED]
        self.refusal = f"the broker does not let us subscribe to {', '.join(refused)}" if refused else ""
        self._store.mark_historical()
        await self._publish_state(client)
        self.connected = True
        self.connections += 1
        tasks = [asyncio.ensure_future(task) for task in (self._send(client), self._receive(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.connected = False
            await _cancelled(tasks)
            self._inbox.disconnected()
            self._store.put_back()
        await self._publish_state(client)

    async def _send(self, client: Client) -> None:
        """Keep a window of messages in flight; once `stop` is called, return when all is confirmed, or time is up."""
        every_s = self._settings.state_every_ms / 1000
        end_s = math.inf
        flying: set[asyncio.Future[None]] = set()
        try:
            while time.monotonic() < end_s:
                self._wake.clear()
                for handed in self._store.take(max(0, WINDOW - len(flying))):
                    flying.add(asyncio.ensure_future(self._send_one(client, handed)))
                if self._stop.is_set():
                    end_s = min(end_s, time.monotonic() + FAREWELL_S)
                    if not flying:
                        return
                elif self._is_state_due(every_s):
                    flying.add(asyncio.ensure_future(self._publish_state(client)))
                flying -= await self._landed(flying, every_s)
        finally:
            await _cancelled(flying)

    async def _landed(self, flying: set[asyncio.Future[None]], timeout_s: float) -> set[asyncio.Future[None]]:
        """Those that the broker confirmed; returns early when there is more to send. Raises MqttError."""
        woken = asyncio.ensure_future(self._woken())
        done, _ = await asyncio.wait({*flying, woken}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        landed = flying & done
        await _cancelled([woken])
        for future in landed:
            future.result()
        return landed

    async def _woken(self) -> None:
        await self._wake.wait()

    async def _send_one(self, client: Client, handed: Handed) -> None:
        is_state = handed.message.kind is Kind.STATE
        topic = self._topic + ("state" if is_state else "result")
        await client.publish(topic, handed.payload, qos=1, retain=is_state and not handed.is_historical)
        self.published += 1
        self._store.confirm(handed)

    def _is_state_due(self, every_s: float) -> bool:
        """The heartbeat has counted, or the decision loop no longer shows anything and the state is to be taken back."""
        return self._current() is not self._published_view and time.monotonic() - self._published_s >= every_s

    async def _publish_state(self, client: Client) -> None:
        view = self._current()
        self._session = self._session if view is None else view.session
        message = offline_message(self._session) if view is None else state_message(view, datetime.now(UTC))
        self._published_view, self._published_s = view, time.monotonic()
        await client.publish(self._topic + "state", encode(message), qos=1, retain=True)

    async def _receive(self, client: Client) -> None:
        async for message in client.messages:
            await self._receive_one(client, message)

    async def _receive_one(self, client: Client, message: Received) -> None:
        topic = message.topic.value.removeprefix(self._topic)
        payload = message.payload if isinstance(message.payload, bytes) else b""
        view = self._current()
        try:
            self._inbox.receive(topic, payload, retained=message.retain, session=None if view is None else view.session)
        except InputError as error:
            answer = error_message(topic, error.message, datetime.now(UTC))
            await client.publish(self._topic + "error", encode(answer), qos=0)


class _Client(Client):
    """The base asks to write a turn of the loop later: the socket may be closed by then, its number another file's."""

    def _on_socket_register_write(self, client: paho.Client, userdata: object, sock: PahoSocket) -> None:
        try:
            asyncio.get_running_loop().add_writer(sock.fileno(), client.loop_write)
        except RuntimeError:  # while connecting, in a thread of its own
            super()._on_socket_register_write(client, userdata, sock)


async def _cancelled(futures: Collection[asyncio.Future[None]]) -> None:
    """They end; what they ended with is no longer of interest."""
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)


def _hang_up(client: Client) -> None:
    """Close the socket of an attempt that failed half-way, which the client itself leaves open."""
    client._client._sock_close()
