"""`lineproof doctor LINE.yaml`: everything the line file names is tried, and what is wrong is said with its remedy."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lineproof.cli.output import require_extra
from lineproof.errors import FrameError, LineproofError, SignalError, SourceEnded, SourceTimeout

if TYPE_CHECKING:
    from lineproof.linefile import LineFile
    from lineproof.signals.settings import IoSettings
    from lineproof.sources.settings import SourceSettings

PICTURE_S = 5.0  # for the first picture of a camera that is open
CONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    room: str  # bundle, camera, wire, records
    name: str
    found: str  # what is there, or what is wrong and how to mend it
    ok: bool = True


def checks(path: Path) -> Iterator[Check]:
    """Try everything in turn; the line itself must not be running, it holds its cameras, ports and records.

    Raises:
        SettingsError: the line file itself is wrong.
    """
    from lineproof.linefile import load_line

    line = load_line(path)
    yield _tried("bundle", ", ".join(one.bundle.name for one in line.all_recipes.values()), lambda: _bundle(path, line))
    for camera in _cameras(line):
        yield _tried("camera", camera.name, lambda camera=camera: _camera(camera))  # type: ignore[misc]
    for wire in line.io.named:
        yield _tried("wire", wire, lambda wire=wire: _wire(wire, line, path.absolute().parent))  # type: ignore[misc]
    if line.records is not None:
        yield _tried("records", line.records.folder.name, lambda: _records(line))


def _tried(room: str, name: str, try_it: Callable[[], str]) -> Check:
    try:
        return Check(room, name, try_it())
    except LineproofError as error:
        return Check(room, name, str(error).removeprefix(f"{name}: "), ok=False)


def _bundle(path: Path, line: LineFile) -> str:
    """Verified, opened on the hardware that the line file asks for, probes replayed."""
    from lineproof.cli.run_stations import build_inspectors

    begun = time.monotonic()
    inspector, *_ = build_inspectors(path).values()
    proven = ", proven" if line.require_proof else ""
    took_s = time.monotonic() - begun
    return f"verified{proven}, its probes agree on {inspector.provenance.provider}, ready in {took_s:.1f} s"


def _cameras(line: LineFile) -> list[SourceSettings]:
    own = [] if line.source is None else [line.source]
    return own + [camera for station in line.stations.values() for camera in station.cameras]


def _camera(settings: SourceSettings) -> str:
    """Open it, take one picture."""
    from lineproof.sources.open import open_source

    with ExitStack() as stack:
        source = open_source(settings)
        stack.callback(source.close)
        end_s = time.monotonic() + PICTURE_S
        damaged: FrameError | None = None
        while time.monotonic() < end_s:
            try:
                frame = source.grab(0.5)
            except SourceTimeout:
                continue
            except FrameError as error:
                damaged = error
                continue
            except SourceEnded as error:
                raise damaged or error from None
            before = f"; a picture before this one was damaged: {damaged}" if damaged else ""
            return f"{frame.wh[0]}×{frame.wh[1]}{before}"
    raise damaged or SourceTimeout(f"no picture within {PICTURE_S:g} s", hint="check its trigger, power and cable")


def _wire(wire: str, line: LineFile, folder: Path) -> str:
    """Listen or connect as the line would, then let go."""
    from lineproof.cli.run_stations import EXTRAS
    from lineproof.signals.open import open_wires
    from lineproof.signals.settings import IoSettings

    if wire in EXTRAS:
        require_extra(wire, EXTRAS[wire])
    if wire == "http_callback":
        return _receiver(line.io)
    alone = IoSettings(**{wire: getattr(line.io, wire)})
    with ExitStack() as stack:
        wiring = open_wires(alone, tuple(line.stations), lambda: None, beside=folder, stack=stack)
        controllers = [wires[wire] for wires in wiring.values()]
        end_s = time.monotonic() + CONNECT_S
        while True:
            try:
                for controller in controllers:
                    controller.commands()
            except SignalError:
                if time.monotonic() >= end_s:
                    raise
                time.sleep(0.05)
            else:
                break
    return f"{_where(wire, line.io)}, for {', '.join(line.stations)}"


def _where(wire: str, io: IoSettings) -> str:
    if wire == "modbus" and io.modbus is not None:
        return f"can listen on {io.modbus.host}:{io.modbus.port}"
    if wire == "opcua" and io.opcua is not None:
        return f"can listen on {io.opcua.endpoint}"
    if wire == "mqtt" and io.mqtt is not None:
        return f"connected to {io.mqtt.host}:{io.mqtt.port}"
    return "can be opened"


def _receiver(io: IoSettings) -> str:
    """Somebody listens there; nothing is posted."""
    url = urlsplit("" if io.http_callback is None else io.http_callback.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=CONNECT_S).close()
    except OSError as error:
        raise SignalError(
            f"nobody listens on {url.hostname}:{port} ({error.strerror or error})",
            hint="start the receiver, or correct the url",
        ) from None
    return f"somebody listens on {url.hostname}:{port}"


def _records(line: LineFile) -> str:
    """Open as the line would."""
    from lineproof.records.journal import Journal
    from lineproof.records.retention import free_bytes

    assert line.records is not None
    Journal.open(line.records).close()
    free_gb = free_bytes(line.records.folder) / 1e9
    return f"can be written, {free_gb:.1f} GB free"
