"""A station of an OPC UA server as asyncua's own client sees it, and decision loops for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError

from lineproof.core.station import Command, State, StationView, Triggered
from lineproof.signals.opcua.server import OpcUa

SESSION = 0x1A2B3C4D
READY = StationView(SESSION, State.READY, ready=True)


class Peer:
    """asyncua's own client, looking at one station."""

    def __init__(self, client: Client, index: int, station: str) -> None:
        self.client, self.index, self.station = client, index, station

    def node(self, path: str):
        return self.client.get_node(ua.NodeId(f"{self.station}/{path}".rstrip("/"), self.index))

    async def read(self, *paths: str) -> list[ua.DataValue]:
        return await self.client.read_attributes([self.node(path) for path in paths])

    async def good(self, path: str) -> object:
        (value,) = await self.read(path)
        value.StatusCode.check()
        return value.Value.Value

    async def status(self, path: str) -> str:
        (value,) = await self.read(path)
        return value.StatusCode.name

    async def until(self, path: str, wanted: object) -> None:
        """Views travel through a thread; give them five seconds."""
        async with asyncio.timeout(5):
            while True:
                (value,) = await self.read(path)
                if wanted in (value.Value.Value, value.StatusCode.name):
                    return
                await asyncio.sleep(0.005)

    async def call(self, method: str, *inputs: object) -> object:
        """The output, or the name of the status."""
        machine = self.node("VisionStateMachine")
        try:
            return await machine.call_method(self.node(f"VisionStateMachine/{method}").nodeid, *inputs)
        except UaStatusCodeError as error:
            return ua.StatusCode(error.code).name


@asynccontextmanager
async def peer_of(station: OpcUa, host: str = "127.0.0.1"):
    client = Client(f"opc.tcp://{host}:{station.port}/lineproof", timeout=10)
    await client.connect()
    try:
        yield Peer(client, await client.get_namespace_index("urn:lineproof:machine-vision"), station.name)
    finally:
        with suppress(ConnectionError, UaStatusCodeError, TimeoutError):
            await client.disconnect()


@contextmanager
def deciding(station: OpcUa, answer: Callable[[Command], StationView | None]) -> Iterator[list[Command]]:
    """A decision loop: shows what `answer` makes of each command."""
    heard: list[Command] = []
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            for command in station.commands():
                heard.append(command)
                view = answer(command)
                if view is not None:
                    station.show(view)
            time.sleep(0.002)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield heard
    finally:
        stop.set()
        thread.join()


def take_triggers(command: Command) -> StationView | None:
    """As a station does that is ready."""
    if not isinstance(command, Triggered):
        return None
    return StationView(SESSION, State.SINGLE_EXECUTION, triggered=True, part_id=command.part_id)
