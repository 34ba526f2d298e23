"""Modbus TCP: a server thread that controllers read from and write to; the only module that knows pymodbus.

    decision loop   show(view)  → 44 words, replaced as one object
    server thread   FC04 reads that object; FC06 and FC16 change the holding registers, and what changed is queued
    decision loop   commands()  ← the queue

Neither side ever waits for the other.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.transaction import TransactionManager

from lineproof.core.station import Alive, Command, StationView
from lineproof.errors import SignalError
from lineproof.signals.io_map import IoMap, StationPlace
from lineproof.signals.registers.edges import at_start, edges
from lineproof.signals.registers.image import REST, ControllerImage, controller_image, input_words
from lineproof.signals.registers.layout import HOLDING_WORDS, INPUT_WORDS
from lineproof.signals.registers.words import WordOrder, Words

START_S = 5.0  # to be listening
STOP_S = 2.0  # to be gone
QUEUED = 64  # commands of one station; a loop that leaves so many is not running
# The Modbus messaging guide (V1.0b, 4.2.1.1) asks for a bounded pool from which the oldest unused connection is dropped:
# a controller that opens a connection for each request must not take every handle of the process.
CONNECTIONS = 32
SWEEP_S = 0.5
# A controller that lost its power never says so; its connection is given up after 10 + 3 × 5 s.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}

READ_INPUT, READ_HOLDING = 4, 3
WRITES = (6, 16, 22, 23)  # single, multiple, masked, and the write half of read-and-write


class ModbusTcp:
    """The wire of one station; made by ModbusServer. Implements `ports.Controller`."""

    def __init__(self, server: ModbusServer, place: StationPlace, order: WordOrder, wake: Callable[[], None]) -> None:
        self._server = server
        self._wake = wake
        self.place = place
        self._order = order
        self._shown: Words = REST
        self._asked: Words = (0,) * HOLDING_WORDS
        self._image: ControllerImage | None = None  # of the last write; None until CMD was written once
        self._queue: deque[Command] = deque()
        self.closed = False

    def show(self, view: StationView) -> None:
        """Replace the whole block; raises SignalError when the server is down."""
        self._require_up()
        self._shown = input_words(view, self._order)

    def commands(self) -> Sequence[Command]:
        """What was asked since the last call, oldest first; raises SignalError when the server is down."""
        self._require_up()
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def close(self) -> None:
        """Everything reads 0; the server goes down with its last station. May be called twice."""
        self.closed = True
        self._shown = REST
        self._server.left()

    @property
    def input_block(self) -> Words:
        """What a controller reads now."""
        return REST if self.closed else self._shown

    @property
    def holding_block(self) -> Words:
        """What a controller wrote last."""
        return self._asked

    def write(self, at: int, values: Sequence[int]) -> bool:
        """Take a write into the holding registers from `at` on; False when it is refused, and nothing has changed."""
        if self.closed or len(self._queue) >= QUEUED:
            return False
        self._asked = (*self._asked[:at], *values, *self._asked[at + len(values) :])
        image = controller_image(self._asked, self._order)
        if self._image is None and at > 0:  # CMD is not known yet, so nothing can be an edge
            return True
        for command in edges(self._image or at_start(image), image):
            if not (isinstance(command, Alive) and self._queue and isinstance(self._queue[-1], Alive)):
                self._queue.append(command)
        self._image = image
        if self._queue:
            self._wake()
        return True

    def _require_up(self) -> None:
        if self.closed or not self._server.up:
            raise SignalError(f"Modbus TCP {self._server.address} is down: {self._server.trouble or 'it was closed'}")


class ModbusServer:
    """Listens for every station of a map; `stations` are their wires."""

    def __init__(self, io_map: IoMap, wake: Callable[[], None] = lambda: None) -> None:
        """Listening when it returns; `wake` is called when a command waits. Raises SignalError when it cannot listen."""
        self.address = f"{io_map.host}:{io_map.port}"
        self.trouble = ""
        self.stations = {
            name: ModbusTcp(self, place, io_map.word_order, wake) for name, place in io_map.stations.items()
        }
        self._host, self._port = io_map.host, io_map.port
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # for each connection that breaks: 20 lines of bytes
        _require_free(io_map.host, io_map.port)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modbus-tcp", daemon=True)
        self._thread.start()
        self._listening.wait(START_S)
        if not self.up:
            self.close()
            raise SignalError(
                f"Modbus TCP cannot listen on {self.address}: {self.trouble or f'not within {START_S:g} s'}",
                hint="choose another `port`, or try again",
            )

    @property
    def up(self) -> bool:
        """Listening."""
        return self._listening.is_set() and self._thread.is_alive() and not self._stopping.is_set()

    def left(self) -> None:
        """A station was closed; the last one takes the server with it."""
        if all(station.closed for station in self.stations.values()):
            self.close()

    def close(self) -> None:
        """Everything reads 0, every connection is cut, the port is free; may be called twice."""
        for station in self.stations.values():
            station.closed = True
        with suppress(RuntimeError):  # the loop is closed: it was stopped before
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except (RuntimeError, OSError) as error:
            self.trouble = str(error)
        finally:
            self._loop.close()
            self._listening.set()  # with a dead thread: not up

    async def _serve(self) -> None:
        server = ModbusTcpServer(self._devices(), address=(self._host, self._port))
        await server.serve_forever(background=True)
        try:
            _keep_alive(server)
            self._listening.set()
            asked: dict[str, object] = {}
            while not self._stopping.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), SWEEP_S)
                asked = _drop_surplus(server, asked)
        finally:
            for connection in list(server.active_connections.values()):
                cast("asyncio.Transport", connection.transport).abort()  # what is not sent yet is not waited for
            await server.shutdown()  # type: ignore[no-untyped-call]
            await asyncio.sleep(0)  # the sockets are closed in the turn after

    def _devices(self) -> list[SimDevice]:
        """One device for each unit, and unit 0 for every other, which answers that there is none."""
        bits = [SimData(0, values=[False], datatype=DataType.BITS)]
        devices = [SimDevice(0, _block(0, 65536), action=_no_such_unit)]
        for unit in sorted({station.place.unit for station in self.stations.values()}):
            here = [station for station in self.stations.values() if station.place.unit == unit]
            holding = [_block(station.place.holding_offset, HOLDING_WORDS) for station in here]
            inputs = [_block(station.place.input_offset, INPUT_WORDS) for station in here]
            devices.append(SimDevice(unit, (bits, bits, holding, inputs), action=partial(_answer, here)))
        return devices


async def _answer(
    stations: Sequence[ModbusTcp],
    function: int,
    start: int,
    address: int,
    _count: int,
    registers: list[int],
    values: list[int] | list[bool] | None,
) -> ExcCodes | None:
    """Serve one request of a unit; there is no `await` in here, so it is one step of the event loop.

    `registers` begin at address `start`; a read returns what is put there, a write lies in `values`.
    """
    if values is not None:
        return _write(stations, address, values) if function in WRITES else ExcCodes.ILLEGAL_FUNCTION
    if function == READ_INPUT:
        for station in stations:
            at = station.place.input_offset - start
            registers[at : at + INPUT_WORDS] = station.input_block
    elif function in (READ_HOLDING, *WRITES):
        for station in stations:
            at = station.place.holding_offset - start
            registers[at : at + HOLDING_WORDS] = station.holding_block
    else:
        return ExcCodes.ILLEGAL_FUNCTION
    return None


def _write(stations: Sequence[ModbusTcp], address: int, values: Sequence[int]) -> ExcCodes | None:
    """Into the one station whose block holds the whole range."""
    for station in stations:
        at = address - station.place.holding_offset
        if at >= 0 and at + len(values) <= HOLDING_WORDS:
            return None if station.write(at, values) else ExcCodes.DEVICE_BUSY
    return ExcCodes.ILLEGAL_ADDRESS


async def _no_such_unit(*_: object) -> ExcCodes:
    return ExcCodes.GATEWAY_NO_RESPONSE


def _block(address: int, words: int) -> SimData:
    return SimData(address, count=words, datatype=DataType.REGISTERS)


def _require_free(host: str, port: int) -> None:
    """Bind and let go: pymodbus says only in its log why it cannot listen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # elsewhere this option lets two processes have one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        hints = {
            errno.EADDRINUSE: "another process has the port: end it, or choose another `port`",
            errno.EACCES: "a port below 1024 needs CAP_NET_BIND_SERVICE; or choose another `port`",
            errno.EADDRNOTAVAIL: "`host` must be an address of this machine",
        }
        hint = hints.get(error.errno or 0, "`host` must be an address of this machine")
        raise SignalError(f"Modbus TCP cannot listen on {host}:{port}: {error.strerror}", hint=hint) from None


def _drop_surplus(server: ModbusTcpServer, asked: dict[str, object]) -> dict[str, object]:
    """Close connections beyond the limit that asked for nothing since the last sweep, the oldest first.

    `asked` holds the last request of each connection at the last sweep; the same of now is returned.
    """
    connections = cast("dict[str, TransactionManager]", dict(server.active_connections))
    idle = [one for key, one in connections.items() if one.last_pdu is asked.get(key)]
    for connection in idle[: max(0, len(connections) - CONNECTIONS)]:
        connection.close()
    return {key: one.last_pdu for key, one in connections.items()}


def _keep_alive(server: ModbusTcpServer) -> None:
    """Accepted connections inherit these options from the listening socket."""
    for listener in cast("asyncio.Server", server.transport).sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # not everywhere
                listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
