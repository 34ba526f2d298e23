"""Stations on an OPC UA server: the `Controller` of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lineproof.core.station import Command, StationView
from lineproof.errors import SettingsError, SignalError
from lineproof.signals.opcua.address_space import COMMANDS_REFUSED
from lineproof.signals.opcua.desk import Desk
from lineproof.signals.opcua.events import Narrator
from lineproof.signals.opcua.nodes.methods import Handlers
from lineproof.signals.opcua.nodes.server import NodeServer
from lineproof.signals.opcua.settings import OpcUaSettings
from lineproof.signals.opcua.thread import CLOSE_S, ServerThread
from lineproof.signals.opcua.view import Cell, Quality, Sheet, nothing, sheet_of, updates


def open_stations(
    settings: OpcUaSettings, names: Sequence[str], wake: Callable[[], None] = lambda: None
) -> dict[str, OpcUa]:
    """A server that listens, and the wire of each station on it, by name; `wake` is called when a command waits.

    Raises SignalError when it cannot listen, SettingsError when a name or a file is wrong.
    """
    for name in names:
        if not name or "/" in name or names.count(name) > 1:
            raise SettingsError(f"station {name!r}: an OPC UA station needs a name of its own, without /")
    server = ServerThread(settings)
    stations = {name: OpcUa(name, settings, server, wake) for name in names}
    for station in stations.values():
        station.siblings = tuple(stations.values())
    server.start(stations)
    return stations


class OpcUa:
    """One station on a server; implements `Controller`.

    A view must be shown at least every `watchdog_ms`, changed or not: a silent decision loop reads as
    Bad_NoCommunication.
    """

    def __init__(self, name: str, settings: OpcUaSettings, server: ServerThread, wake: Callable[[], None]) -> None:
        """Made by `open_stations`."""
        self.name = name
        self._server = server
        self._desk = Desk(commands=settings.commands, answer_s=settings.answer_ms / 1000, ring=server.ring, wake=wake)
        self._watchdog_ns = int(settings.watchdog_ms * 1e6)
        self._shown_ns = 0
        self._closed = False
        self._narrator = Narrator()
        self._sheet: Sheet = nothing(Quality.BAD_WAITING_FOR_INITIAL_DATA)
        self._refused = 0
        self._at_rest = threading.Event()
        self.siblings: tuple[OpcUa, ...] = (self,)

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self._server.port

    @property
    def refused(self) -> int:
        """Method calls answered with Bad_TooManyOperations."""
        return self._desk.refused

    def show(self, view: StationView) -> None:
        """Hand the view to the server's thread; raises SignalError when that is gone or hangs, or after `close`."""
        self._server.check()
        if self._closed:
            raise SignalError(f"OPC UA station {self.name}: closed")
        self._shown_ns = time.monotonic_ns()
        if not self._desk.put(view):
            raise SignalError(f"OPC UA station {self.name}: the server's thread takes no views any more")

    def commands(self) -> Sequence[Command]:
        """What clients asked since the last call; raises SignalError when the server is gone, or after `close`."""
        self._server.check()
        if self._closed:
            raise SignalError(f"OPC UA station {self.name}: closed")
        return self._desk.take()

    def close(self) -> None:
        """All variables Bad_Shutdown; with the last station the server stops. Raises SignalError if it hangs."""
        if self._closed:
            return
        self._closed = True
        self._server.ring()
        if all(station.closed for station in self.siblings):
            self._server.join()
        elif self._server.running and not self._at_rest.wait(CLOSE_S):
            raise SignalError(f"OPC UA station {self.name}: the server's thread did not take the end")

    @property
    def closed(self) -> bool:
        """It shows nothing any more."""
        return self._closed

    def handlers(self) -> Handlers:
        """For clients, in the server's thread."""
        return Handlers(self._desk.called, self._desk.heard)

    def refresh(self, nodes: NodeServer) -> bool:
        """In the server's thread: write what changed, tell what happened; says whether the station is at rest."""
        closed = self._closed  # before anything is written: it may change meanwhile
        views = self._desk.news()
        for view in views:
            for event in self._narrator.tell(view, self._desk.meas_id(view)):
                nodes.tell(self.name, event)
        self._write(nodes, self._target(closed=closed))
        if self._desk.refused != self._refused:
            self._refused = self._desk.refused
            nodes.write(self.name, {COMMANDS_REFUSED: Cell(self._refused)}, datetime.now(UTC))
        if closed:
            self._at_rest.set()
        return closed

    def _target(self, *, closed: bool) -> Sheet:
        if closed:
            self._desk.shut()
            return nothing(Quality.BAD_SHUTDOWN)
        if not self._shown_ns:
            return nothing(Quality.BAD_WAITING_FOR_INITIAL_DATA)
        if time.monotonic_ns() - self._shown_ns > self._watchdog_ns:
            self._desk.lost()
        view = self._desk.view
        return nothing(Quality.BAD_NO_COMMUNICATION) if view is None else sheet_of(view, self._desk.meas_id(view))

    def _write(self, nodes: NodeServer, target: Sheet) -> None:
        at = datetime.now(UTC)
        for step in updates(self._sheet, target):
            nodes.write(self.name, step, at)
        self._sheet = target
