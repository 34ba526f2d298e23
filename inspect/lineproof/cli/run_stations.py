"""`lineproof run` for a line file with stations: concrete cameras, wires, engine and records around their cores."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lineproof.cli.output import emit, messages, require_extra
from lineproof.cli.start import loading
from lineproof.cli.station_checks import check_of
from lineproof.cli.station_triggers import door, own_controllers
from lineproof.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from lineproof.inspector import Inspector
    from lineproof.line.conduct.conductor import Conductor
    from lineproof.line.conduct.eye import Sight
    from lineproof.line.conduct.inbox import Inbox
    from lineproof.line.conduct.news import News
    from lineproof.line.conduct.post import Post
    from lineproof.line.conduct.room import Room
    from lineproof.line.conduct.settings import StationSettings
    from lineproof.line.conduct.wires import Wires
    from lineproof.line.engine_room.room import EngineRoom
    from lineproof.linefile import LineFile, StationSection
    from lineproof.ports import Controller
    from lineproof.records.journal import Journal
    from lineproof.signals.open import Wiring
    from lineproof.sources.settings import SourceSettings

FRAME_BYTES = 1280 * 960 * 3  # taken before the first part; a larger frame makes its slot grow
ENABLING = ("modbus", "opcua")  # these controllers say when parts are to be inspected; elsewhere, always
EXTRAS = {"modbus": "pymodbus", "opcua": "asyncua", "mqtt": "aiomqtt"}
HUNG_DEADLINES = 3  # an inference running for so many of the longest deadline is given up (fault list, R-19)


def run_stations(
    path: Path,
    settings: LineFile,
    stack: ExitStack,
    *,
    max_parts: int | None,
    duration_s: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Answer triggers until Ctrl-C, a limit, or the end of a replay; prints a summary at the end."""
    from lineproof.cli.station_summary import station_summary, station_summary_text

    with loading():
        conductor, journal, wires = assemble(path, settings, stack)
    with (
        stopped_by_signals(conductor.stop),
        door(conductor, settings, wires),
        _screen(conductor, settings, quiet=quiet),
    ):
        conductor.run(max_parts=max_parts, duration_s=duration_s)
    stack.close()  # what is pending is written before it is counted
    facts = station_summary(settings.name, conductor, journal)
    emit(facts, station_summary_text(facts), as_json=as_json)


def assemble(path: Path, settings: LineFile, stack: ExitStack) -> tuple[Conductor, Journal | None, Wiring]:
    """Wires first: a controller must find "no result" while the bundle is being verified, not a closed port."""
    from lineproof.line.conduct.conductor import Conductor
    from lineproof.line.conduct.inbox import Inbox
    from lineproof.signals.open import open_wires

    for wire in settings.io.named:
        if wire in EXTRAS:
            require_extra(wire, EXTRAS[wire])
    inbox: Inbox[News] = Inbox()
    journal = _journal(settings, stack)
    room = _room(path, settings, inbox, stack)
    wiring = open_wires(settings.io, tuple(settings.stations), inbox.wake, beside=path.absolute().parent, stack=stack)
    for name, wires in wiring.items():
        for kind, controller in own_controllers(name, settings, inbox.wake).items():
            wires[kind] = controller
            stack.callback(controller.close)
    posts = [_post(name, settings, wiring[name], room, inbox, journal) for name in settings.stations]
    conductor = Conductor(
        posts,
        room,
        inbox,
        storage_trouble=partial(_storage_trouble, journal),
        storage_required=settings.records is not None and settings.records.required,
    )
    return conductor, journal, wiring


def build_inspectors(path: Path) -> dict[int, Inspector]:
    """For the engine's process, by recipe: bundles verified, warm, their probes replayed; raises LineproofError."""
    from lineproof.cli.assemble import open_inspector
    from lineproof.linefile import line_digest, load_line

    settings = load_line(path)
    digest = line_digest(path)
    return {
        number: open_inspector(
            recipe.bundle,
            recipe.rules,
            settings.provider,
            digest,
            regions=recipe.regions,
            proven_under=recipe.proven_under if settings.require_proof else "",
        )[0]
        for number, recipe in settings.all_recipes.items()
    }


def _journal(settings: LineFile, stack: ExitStack) -> Journal | None:
    if settings.records is None:
        return None
    from lineproof.records.journal import Journal  # brings the database: 0.3 s of a start

    journal = Journal.open(settings.records)
    stack.callback(journal.close)
    return journal


def _storage_trouble(journal: Journal | None) -> str:
    health = journal.health() if journal is not None else None
    return health.last_error if health is not None and health.failing else ""


def _room(path: Path, settings: LineFile, inbox: Inbox[News], stack: ExitStack) -> EngineRoom:
    """As many slots as frames can be under way: one part at a time at each station, and one that is just being lost."""
    from lineproof.core.budget import RestartBudget
    from lineproof.line.engine_room.room import EngineRoom

    stations = settings.stations.values()
    budget = RestartBudget(settings.line.restarts, settings.line.restart_window_s)
    room = EngineRoom(
        partial(build_inspectors, path.absolute()),
        frame_bytes=FRAME_BYTES,
        slots=2 * sum(len(station.cameras) for station in stations),
        hung_ms=HUNG_DEADLINES * max(station.deadline_ms for station in stations),
        budget=budget,
        heard=inbox.put,
    )
    stack.callback(room.close)
    return room


def _wires(station: StationSettings, controllers: dict[str, Controller]) -> Wires:
    from lineproof.line.conduct.wires import Wires

    return Wires(controllers, station.trigger, time.monotonic_ns)


def _post(
    name: str,
    settings: LineFile,
    controllers: dict[str, Controller],
    room: Room,
    inbox: Inbox[News],
    journal: Journal | None,
) -> Post:
    from lineproof.line.conduct.eye import Eye
    from lineproof.line.conduct.post import Post
    from lineproof.line.station.station import Station

    station = settings.stations[name]
    state = Station(
        station.terms,
        session=secrets.randbelow((1 << 32) - 1) + 1,
        enabled=station.trigger not in ENABLING,
        recipe=settings.recipe,
    )
    return Post(
        name,
        state,
        _wires(station, controllers),
        [Eye(_sight(name, camera, station), inbox, room.submit) for camera in station.cameras],
        room,
        [] if journal is None else [journal],
        mm_per_px={number: recipe.rules.mm_per_px for number, recipe in settings.all_recipes.items()},
        clock_ns=time.monotonic_ns,
    )


def _sight(name: str, camera: SourceSettings, station: StationSection) -> Sight:
    from lineproof.line.conduct.eye import Sight
    from lineproof.sources.open import open_source
    from lineproof.watch.settings import QualitySettings

    return Sight(
        name,
        camera.view,
        camera.name,
        partial(open_source, camera),
        on_demand=camera.on_demand,
        lag_ms=camera.exposure_lag_ms,
        lead_ms=station.trigger_lead_ms,
        check=check_of(station, camera.view),
        bad_in_a_row=station.quality.get(camera.view, QualitySettings()).n_in_a_row,
    )


@contextmanager
def _screen(conductor: Conductor, settings: LineFile, *, quiet: bool) -> Iterator[None]:
    """The live table, drawn by a thread of its own: a slow terminal cannot delay a decision."""
    if quiet or not messages.is_terminal:
        yield
        return
    from rich.live import Live

    from lineproof.line.conduct.live import StationsView

    view = StationsView(conductor, f"{settings.name} · {settings.bundle.name} · Ctrl-C ends")
    with Live(get_renderable=view.render, console=messages, refresh_per_second=4, transient=True):
        yield
