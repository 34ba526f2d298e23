"""Wires from their settings: for each station one Controller of each wire that the line file names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from lineproof.ports import Controller
from lineproof.signals.http_callback_settings import HttpCallbackSettings
from lineproof.signals.mqtt_settings import MqttSettings
from lineproof.signals.settings import IoSettings
from lineproof.signals.store_settings import StoreSettings

Wiring = dict[str, dict[str, Controller]]  # station → wire → its controller


def open_wires(
    io: IoSettings, stations: Sequence[str], wake: Callable[[], None], *, beside: Path, stack: ExitStack
) -> Wiring:
    """Everything on a network listening or connecting; `stack` closes it, `wake` is called when a command waits.

    Raises:
        SettingsError: a certificate, user or credentials file cannot be read.
        SignalError: a port cannot be had, or the folder of a store cannot be used.
        MissingExtra: the library of a wire is not installed.
    """
    wiring: Wiring = {name: {} for name in stations}
    for wire in (name for name in io.named if name in _OPEN):
        for name, controller in _OPEN[wire](io, stations, wake, beside).items():
            wiring[name][wire] = controller
            stack.callback(controller.close)
    return wiring


def _modbus(io: IoSettings, stations: Sequence[str], wake: Callable[[], None], _: Path) -> dict[str, Controller]:
    from lineproof.signals.modbus_tcp import ModbusServer

    assert io.modbus is not None
    server = ModbusServer(io.modbus, wake)
    return {name: server.stations[name] for name in stations}


def _opcua(io: IoSettings, stations: Sequence[str], wake: Callable[[], None], beside: Path) -> dict[str, Controller]:
    from lineproof.signals.opcua.server import open_stations

    assert io.opcua is not None
    return dict(open_stations(io.opcua.located(beside), stations, wake))


def _mqtt(io: IoSettings, stations: Sequence[str], wake: Callable[[], None], beside: Path) -> dict[str, Controller]:
    from lineproof.signals.mqtt import Mqtt

    assert io.mqtt is not None
    return {name: Mqtt(_own_topics(io.mqtt, name), beside=beside, wake=wake) for name in stations}


def _http_callback(
    io: IoSettings, stations: Sequence[str], _: Callable[[], None], beside: Path
) -> dict[str, Controller]:
    from lineproof.signals.http_callback import HttpCallback

    assert io.http_callback is not None
    several = len(stations) > 1
    return {
        name: HttpCallback(_own_name(io.http_callback, name) if several else io.http_callback, beside=beside)
        for name in stations
    }


_OPEN = {"modbus": _modbus, "opcua": _opcua, "mqtt": _mqtt, "http_callback": _http_callback}


def _own_topics(settings: MqttSettings, station: str) -> MqttSettings:
    if settings.station is not None:
        return settings
    return settings.model_copy(update={"station": station, "store": _own_folder(settings.store, station)})


def _own_name(settings: HttpCallbackSettings, station: str) -> HttpCallbackSettings:
    update = {"station": f"{settings.station}/{station}", "store": _own_folder(settings.store, station)}
    return settings.model_copy(update=update)


def _own_folder(store: StoreSettings, station: str) -> StoreSettings:
    """One wire per folder."""
    return store if store.folder is None else store.model_copy(update={"folder": store.folder / station})
