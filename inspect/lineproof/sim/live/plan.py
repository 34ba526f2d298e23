"""What is to be played against a line: its stations, its wire, how many parts, which faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lineproof.errors import SettingsError
from lineproof.line.conduct.settings import StationSettings
from lineproof.signals.io_map import IoMap
from lineproof.sim.live.client import Link
from lineproof.sim.live.controller import Controller
from lineproof.sim.live.faults import LIVE_FAULTS
from lineproof.sim.scenario import FaultName, Scenario

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 – where a server listens so, it is reached so


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign."""

    stations: Mapping[str, StationSettings]  # those that can be driven
    io: IoMap
    scenario: Scenario
    parts: int  # at each station; those that come while the line gets over a fault are let in besides
    pitch_ms: float  # between two parts, at least: the next one is let in when the one before has its fate
    engine_restarts: int  # that the line allows itself

    @property
    def faults(self) -> tuple[FaultName, ...]:
        """Those of the scenario that can be done to a real line."""
        return tuple(name for name in self.scenario.faults if name in LIVE_FAULTS)

    @property
    def not_done(self) -> tuple[FaultName, ...]:
        """Those that simulated time alone can do."""
        return tuple(name for name in self.scenario.faults if name not in LIVE_FAULTS)

    def controllers(self) -> list[Controller]:
        """One for each station, not connected yet; its timer ends as long after the deadline as in the scenario."""
        spare_ms = self.scenario.timing.timer - self.scenario.timing.deadline
        host = _EVERY_ADDRESS.get(self.io.host, self.io.host)
        return [
            Controller(
                name,
                Link(host, self.io.port, self.io.stations[name], self.io.word_order),
                station.deadline_ms + spare_ms,
            )
            for name, station in self.stations.items()
        ]


def driven(stations: Mapping[str, StationSettings], where: str) -> tuple[dict[str, StationSettings], dict[str, str]]:
    """The stations that a controller on Modbus can drive, and why the others cannot be; `where` is the line file.

    Raises:
        SettingsError: none can.
    """
    can = {name: station for name, station in stations.items() if station.trigger == "modbus"}
    cannot = {
        name: f"is triggered by {station.trigger}" for name, station in stations.items() if station.trigger != "modbus"
    }
    if not can:
        why = "; ".join(f"{name} {words}" for name, words in cannot.items()) or "it has none"
        raise SettingsError(
            f"{where}: no station that a controller could drive: {why}", hint="give a station `trigger: modbus`"
        )
    return can, cannot
