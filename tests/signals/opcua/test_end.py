"""Ends of every kind, and silence: each with a server of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from asyncua import ua

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.errors import SettingsError, SignalError
from lineproof.signals.opcua.address_space import RESULT, SHOWN
from lineproof.signals.opcua.nodes.server import MAX_UNSENT, NodeServer
from lineproof.signals.opcua.server import open_stations
from lineproof.signals.opcua.settings import OpcUaSettings
from opcua_rig import READY, SESSION, peer_of

PASSED = StationView(SESSION, State.READY, ready=True, result=PartResult(SESSION, 1, "p", Outcome.PASS))


class Statuses:
    """The last status of each variable."""

    def __init__(self) -> None:
        self.last: dict[object, str] = {}

    def datachange_notification(self, node, _, data) -> None:
        self.last[node] = data.monitored_item.Value.StatusCode.name

    def status_change_notification(self, status) -> None:
        """The subscription ended."""


def test_silence_reads_as_no_communication_and_the_end_is_clean_and_told():
    threads = set(threading.enumerate())
    settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/lineproof", watchdog_ms=300, answer_ms=3000)
    station = open_stations(settings, ["cam"])["cam"]

    async def story() -> None:
        async with peer_of(station) as peer, peer_of(station) as caller:
            for _ in range(3):  # silence, and back again
                await _shown_until(station, peer, "PASS")
                silent_ns = time.monotonic_ns()
                await peer.until("Result/Outcome", "BadNoCommunication")
                assert time.monotonic_ns() - silent_ns > 200e6
                statuses = {value.StatusCode.name for value in await peer.read(*(item.path for item in SHOWN))}
                assert statuses == {"BadNoCommunication"}
            listener = Statuses()
            subscription = await peer.client.create_subscription(10, listener)
            await _shown_until(station, peer, "PASS")
            await subscription.subscribe_data_change([peer.node(item.path) for item in RESULT])
            call = asyncio.create_task(caller.call("Stop"))
            await asyncio.sleep(0.05)
            before = time.monotonic()
            await asyncio.to_thread(station.close)
            assert time.monotonic() - before < 2
            assert await call == "BadShutdown"
            assert set(listener.last.values()) == {"BadShutdown"}
            assert len(listener.last) == len(RESULT)
        station.close()
        for ask in (lambda: station.show(PASSED), station.commands):
            with pytest.raises(SignalError, match="the server is down"):
                ask()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", station.port)

    asyncio.run(story())
    assert set(threading.enumerate()) == threads


async def _shown_until(station, peer, outcome: str) -> None:
    async with asyncio.timeout(5):
        while True:
            station.show(PASSED)
            (value,) = await peer.read("Result/Outcome")
            if value.Value.Value == outcome:
                return


def test_a_value_that_is_not_taken_ends_the_server_rather_than_stay(monkeypatch):
    settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/lineproof", watchdog_ms=60_000)
    station = open_stations(settings, ["cam"])["cam"]

    async def refused(*_):
        return ua.StatusCode(ua.StatusCodes.BadTypeMismatch)

    monkeypatch.setattr("asyncua.server.address_space.AddressSpace.write_attribute_value", refused)
    station.show(READY)
    with pytest.raises(SignalError, match=r"the server is down: OPC UA cam/.*not taken: BadTypeMismatch"):
        _show_on(station)
    station.close()


def _show_on(station) -> None:
    for _ in range(500):
        time.sleep(0.01)
        station.show(READY)


class Transport:
    def __init__(self, unsent: int) -> None:
        self.unsent, self.aborted = unsent, False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


def test_a_client_that_asks_and_does_not_listen_is_cut_off():
    transports = [Transport(0), Transport(MAX_UNSENT), Transport(MAX_UNSENT + 1)]
    nodes = NodeServer(OpcUaSettings())
    nodes._server = SimpleNamespace(iserver=SimpleNamespace(asyncio_transports=transports))
    nodes.cut_deaf()
    assert [transport.aborted for transport in transports] == [False, False, True]


@pytest.mark.parametrize("names", [[""], ["a/b"], ["a", "a"]])
def test_names_of_stations(names):
    with pytest.raises(SettingsError, match="needs a name of its own"):
        open_stations(OpcUaSettings(), names)
