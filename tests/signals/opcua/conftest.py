"""One server for all tests of this folder, a station for each: its standard address space takes seconds to build."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineproof.signals.opcua.server import OpcUa, open_stations
from lineproof.signals.opcua.settings import OpcUaSettings

NAMES = [f"station{number}" for number in range(20)]


@pytest.fixture(scope="session")
def pool() -> Iterator[dict[str, OpcUa]]:
    # A busy machine may let 300 ms pass without a view; that silence is tested on a station of its own.
    settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/lineproof", watchdog_ms=60_000, answer_ms=1000, commands=4)
    stations = open_stations(settings, NAMES)
    yield dict(stations)
    for station in stations.values():
        station.close()


@pytest.fixture
def station(pool) -> OpcUa:
    return pool.pop(next(iter(pool)))
