"""A line with stations for measurements: cameras that deliver from memory, a real engine room, Modbus TCP on loopback."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from lineproof.core import Decision, Detections, Frame, Image, Inspection, Provenance, StageTimes
from lineproof.core.budget import RestartBudget
from lineproof.core.threshold import Threshold
from lineproof.inspector import Inspector
from lineproof.line.conduct.conductor import Conductor
from lineproof.line.conduct.eye import Eye, Sight
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import News
from lineproof.line.conduct.post import PartRecorder, Post
from lineproof.line.conduct.wires import Wires
from lineproof.line.engine_room.room import EngineRoom
from lineproof.line.station.station import Station, Terms
from lineproof.ports import Controller
from lineproof.records.cycle import Acknowledgement, Cycle
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules
from lineproof.signals.io_map import IoMap, StationPlace
from lineproof.signals.modbus_tcp import ModbusServer

CLASSES = ("mark",)
STUB = Provenance("stub", "5" * 64, "", "StubExecutionProvider", (64, 64))


class StubEngine:
    """Looks at one pixel: a bright first pixel is a defect. Takes no time."""

    classes = CLASSES
    provider = "StubExecutionProvider"
    input_wh = (64, 64)

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        begun = time.perf_counter()
        bad = int(image[0, 0, 0]) > 128
        rows = np.array([[0, 0, 10, 10]], np.float32) if bad else np.empty((0, 4), np.float32)
        found = Detections(rows, np.full(len(rows), 0.9, np.float32), np.zeros(len(rows), np.int32))
        return found, StageTimes(infer=(time.perf_counter() - begun) * 1e3)


def build_stub() -> dict[int, Inspector]:
    """For the engine's process."""
    return {0: Inspector(StubEngine(), compile_limits(Rules(), CLASSES, {"mark": Threshold(0.5, 0.3)}, 0.01), STUB)}


def build_bundle(bundle: Path) -> dict[int, Inspector]:
    """For the engine's process: a real one."""
    from lineproof.cli.assemble import open_inspector

    return {0: open_inspector(bundle, Rules())[0]}


class Pictures:
    """Delivers pictures in turn as soon as it is asked, stamped at the grab; every picture says which it is."""

    def __init__(self, pictures: Sequence[Image]) -> None:
        self._pictures = itertools.cycle(enumerate(pictures))

    def grab(self, timeout_s: float) -> Frame:
        del timeout_s
        number, picture = next(self._pictures)
        return Frame(picture, f"picture-{number}", "memory", origin=str(number))

    def close(self) -> None:
        return


@dataclass
class Watch:
    """A recorder that keeps the times alone."""

    keep: bool = True
    latency_ms: list[float] = field(default_factory=list)
    engine_ms: list[float] = field(default_factory=list)
    to_exposure_ms: list[float] = field(default_factory=list)  # trigger → picture
    to_engine_ms: list[float] = field(default_factory=list)  # picture → engine begins
    decisions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Decision, 0))

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        del image
        self.decisions[inspection.decision] += 1
        if self.keep and cycle is not None:
            times = inspection.times_ms
            self.latency_ms.append((cycle.result.ns - cycle.triggered.ns) / 1e6)
            self.engine_ms.append(times.preprocess + times.infer + times.postprocess + times.judge)
            self.to_exposure_ms.append((cycle.exposed.ns - cycle.triggered.ns) / 1e6)
            self.to_engine_ms.append(times.wait)

    def acknowledge(self, receipt: Acknowledgement) -> None:
        del receipt


def pictures(width: int, height: int, count: int = 8) -> list[Image]:
    """Noise; every second one bears the stub's defect in its first pixel."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        picture = rng.integers(60, 120, (height, width, 3), np.uint8)
        picture[0, 0] = 255 if number % 2 else 0
        found.append(picture)
    return found


def line_of(
    names: Sequence[str],
    wires: dict[str, dict[str, Controller]],
    inbox: Inbox[News],
    recorders: Sequence[PartRecorder],
    shots: Sequence[Image],
    *,
    bundle: Path | None = None,
    commanding: str = "modbus",
    **terms: object,
) -> Conductor:
    """Stations of one camera each around one engine room."""
    room = EngineRoom(
        build_stub if bundle is None else partial(build_bundle, bundle),
        frame_bytes=shots[0].nbytes,
        slots=2 * len(names),
        hung_ms=3000,
        budget=RestartBudget(3, 300),
        heard=inbox.put,
    )
    posts = []
    for number, name in enumerate(names):
        sight = Sight(name, "main", name, partial(Pictures, shots), on_demand=True)
        facts = {"deadline_ms": 1000, "controller_timeout_ms": 0, **terms}
        posts.append(
            Post(
                name,
                Station(Terms(**facts), session=number + 1, enabled=True),
                Wires(wires[name], commanding, time.monotonic_ns),
                [Eye(sight, inbox, room.submit)],
                room,
                recorders,
                mm_per_px={},
                clock_ns=time.monotonic_ns,
            )
        )
    return Conductor(posts, room, inbox)


def modbus_map(port: int, names: Sequence[str]) -> IoMap:
    """A unit for each station."""
    return IoMap(port=port, stations={name: StationPlace(unit=unit) for unit, name in enumerate(names, 1)})


def modbus_wires(port: int, names: Sequence[str], inbox: Inbox[News]) -> dict[str, dict[str, Controller]]:
    """One server, a wire of each station."""
    server = ModbusServer(modbus_map(port, names), inbox.wake)
    return {name: {"modbus": server.stations[name]} for name in names}
