"""`lineproof serve`: the same inspector over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, messages

if TYPE_CHECKING:
    import socket

    import uvicorn
    from fastapi import FastAPI

    from lineproof.bundle.open import Bundle
    from lineproof.cli.assemble import Callers
    from lineproof.engine.regions import Region
    from lineproof.inspector import Inspector
    from lineproof.ports import Recorder
    from lineproof.records.settings import RecordSettings
    from lineproof.rules.tolerance import Rules
    from lineproof.serve.ray_app import RayFleet
    from lineproof.serve.readiness import Loaded, Readiness
    from lineproof.serve.schemas import BundleFacts
    from lineproof.serve.settings import ServeSettings


def serve(
    target: Annotated[Path, typer.Argument(help="a line file (.yaml), or a sealed bundle")],
    host: Annotated[str | None, typer.Option(help="address to bind; any but loopback needs a token")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the access token, or name:token lines; else $LINEPROOF_TOKEN")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="auto, cpu, openvino, cuda or tensorrt")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="from request to verdict; after it 504")] = None,
    queue: Annotated[int | None, typer.Option(help="images that may wait; after it 429")] = None,
    concurrency: Annotated[int | None, typer.Option(help="images inspected at once; default: one per core")] = None,
    on: Annotated[
        str | None, typer.Option(help="ray: engine in processes of their own; ray://HOST:PORT: on that cluster")
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="with --on: how many; default: all cores but one")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer pictures with decisions over HTTP, until Ctrl-C.

    Example: `lineproof serve line.yaml` then
    `curl --data-binary @part.jpg 'http://127.0.0.1:8000/v1/inspect?part_id=4711'`
    """
    import os
    import time

    from lineproof.cli.serve_ray import ray_fleet
    from lineproof.serve.app import create_app
    from lineproof.serve.auth import find_token, refuse_open_door
    from lineproof.serve.server import listen, make_server, url_of

    asked = {
        "host": host,
        "port": port,
        "token_file": token_file,
        "deadline_ms": deadline_ms,
        "queue": queue,
        "concurrency": concurrency,
    }
    plan = _plan(target, provider, {name: value for name, value in asked.items() if value is not None})
    settings = plan.settings
    token = find_token(settings.token_file, os.environ)
    refuse_open_door(settings.host, token)
    fleets = ray_fleet(on, replicas, cores=_cores, provider=plan.provider, deadline_ms=settings.deadline_ms)
    with fleets as fleet, listen(settings.host, settings.port) as listener:
        url = url_of(listener)
        follower = _Follower(time.monotonic())
        load = (lambda: _load(plan)) if fleet is None else (lambda: _load_on_ray(plan, fleet))
        app = create_app(load, settings, token=token, recorder=_recorder(plan), tell=follower.hear)
        follower.server = make_server(app, deadline_ms=settings.deadline_ms)
        _welcome(plan, url, with_token=token is not None)
        _run(follower.server, listener)
    if follower.error is not None:
        raise follower.error
    _farewell(app, url, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that a line file or a bare bundle says about serving it."""

    bundle: Path
    provider: str
    rules: Rules
    settings: ServeSettings
    records: RecordSettings | None = None
    line_digest: str = ""
    regions: tuple[Region, ...] = ()
    proven_under: str = ""

    @property
    def callers(self) -> Callers:
        """How many will call the engine at once, and how their images may gather."""
        from lineproof.cli.assemble import Callers
        from lineproof.engine.batching import gather_s

        settings = self.settings
        waits_s = gather_s(settings.gather_ms, settings.deadline_ms)
        return Callers(settings.concurrency or _cores(), settings.max_batch, waits_s)


def _cores() -> int:
    """Processor cores that this process may use."""
    import os

    from lineproof.engine.sessions.cores import quota, thread_count, usable_cores

    return thread_count(None, usable_cores(), quota()) or os.cpu_count() or 1


def _plan(target: Path, provider: str | None, changes: dict[str, object]) -> _Plan:
    """The line file's settings, or the defaults for a bundle, with the command line's on top."""
    from lineproof.rules.tolerance import Rules
    from lineproof.serve.settings import ServeSettings
    from lineproof.settings import parse_settings

    def changed(settings: ServeSettings) -> ServeSettings:
        return parse_settings({**settings.model_dump(), **changes}, ServeSettings, "command line")

    if target.suffix.lower() not in {".yaml", ".yml"}:
        return _Plan(target, provider or "auto", Rules(), changed(ServeSettings()))
    from lineproof.linefile import line_digest, load_line

    line = load_line(target)
    return _Plan(
        bundle=line.bundle,
        provider=provider or line.provider,
        rules=line.rules,
        settings=changed(line.serve),
        records=line.records,
        line_digest=line_digest(target),
        regions=line.regions,
        proven_under=line.proven_under,
    )


def _recorder(plan: _Plan) -> Recorder | None:
    """The records of the line file; raises RecordError when they cannot be kept."""
    if plan.records is None:
        return None
    from lineproof.records.journal import Journal

    return Journal.open(plan.records)


def _load(plan: _Plan) -> Loaded:
    """Verify, warm up, replay the probes; runs while the server already answers `live`."""
    from lineproof.cli.assemble import open_inspector, reduce_of
    from lineproof.engine.batching import BatchingEngine
    from lineproof.serve.readiness import Loaded

    callers = plan.callers
    inspector, bundle = open_inspector(
        plan.bundle,
        plan.rules,
        plan.provider,
        plan.line_digest,
        regions=plan.regions,
        proven_under=plan.proven_under,
        callers=callers,
    )
    # A GPU is busy with one batch while the threads of the next one decode.
    threads = 2 * callers.max_batch if isinstance(inspector.engine, BatchingEngine) else callers.at_once
    facts, reduce = _facts(plan, inspector, bundle), reduce_of(bundle, plan.regions)
    return Loaded(inspector, facts, plan.settings.concurrency or threads, reduce)


def _load_on_ray(plan: _Plan, fleet: RayFleet) -> Loaded:
    """The same with the engine in every replica."""
    from lineproof.cli.assemble import reduce_of
    from lineproof.cli.serve_ray import open_on_ray
    from lineproof.serve.readiness import Loaded

    inspector, bundle = open_on_ray(
        fleet,
        plan.bundle,
        plan.rules,
        plan.provider,
        plan.line_digest,
        regions=plan.regions,
        proven_under=plan.proven_under,
    )
    threads = plan.settings.concurrency or fleet.at_once
    facts, reduce = _facts(plan, inspector, bundle), reduce_of(bundle, plan.regions)
    return Loaded(inspector, facts, threads, reduce, fleet.trouble)


def _facts(plan: _Plan, inspector: Inspector, bundle: Bundle) -> BundleFacts:
    """What the door tells about its bundle."""
    from lineproof.serve.schemas import BundleFacts

    manifest = bundle.manifest
    return BundleFacts.model_validate(
        {
            "name": manifest.name,
            "digest": bundle.digest,
            "task": manifest.task,
            "classes": manifest.classes,
            "model_input": inspector.engine.input_wh,
            "score_floor": manifest.score_floor,
            "thresholds": {name: point.model_dump() for name, point in manifest.thresholds.items()},
            "provider": inspector.engine.provider,
            "fallback": getattr(inspector.engine, "fallback", ""),
            "line_digest": plan.line_digest,
            "manifest": manifest.model_dump(mode="json"),
        }
    )


@dataclass
class _Follower:
    """Hears how loading ended: says so, and stops the server unless someone on site can still mend it."""

    started_s: float
    server: uvicorn.Server | None = None
    error: BaseException | None = None

    def hear(self, now: Readiness) -> None:
        """Called once, on the event loop."""
        import time

        from lineproof.errors import EngineError, GateError
        from lineproof.serve.readiness import State

        if now.state is State.READY:
            _say(f"ready after {time.monotonic() - self.started_s:.1f} s")
        elif isinstance(now.error, EngineError | GateError):
            _say(f"NOT READY: {now.reason} – {now.hint or 'mend it and start again'}")  # health says so, until mended
        elif self.server is not None:
            self.error = now.error
            self.server.should_exit = True


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM, both an ordinary end: what runs is answered, then the records are closed."""
    import logging
    import signal

    import cv2

    from lineproof.memory import keep_picture_memory

    keep_picture_memory()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("lineproof.serve.access").setLevel(logging.INFO)
    # A damaged upload is answered by name; OpenCV's own lines would let callers fill the log.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # uvicorn raises the signal again once it is done; these handlers make that the end of the story.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a second one ends a process whose engine hangs


def _welcome(plan: _Plan, url: str, *, with_token: bool) -> None:
    bearer = "-H 'Authorization: Bearer '\"$(cat token.txt)\" " if with_token else ""
    _say(f"{plan.bundle} on {url}, its pages at {url}/docs; Ctrl-C stops it")
    _say(f"  curl {bearer}--data-binary @part.jpg '{url}/v1/inspect?part_id=4711'")


def _farewell(app: FastAPI, url: str, *, as_json: bool) -> None:
    """What was done, as the answer of this verb."""
    from lineproof.serve.door import Door

    door: Door = app.state.door
    facts = {"url": url, **door.statistics().model_dump()}
    counts = ", ".join(f"{count} {name}" for name, count in door.stats.decisions.items())
    emit(facts, f"served {counts}; {sum(door.stats.rejected.values())} refused", as_json=as_json)


def _say(line: str) -> None:
    messages.print(line, markup=False, soft_wrap=True)
