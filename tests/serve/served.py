"""A server around a scripted engine: in this process over ASGI, or as real uvicorn on loopback."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import cv2
import httpx
import numpy as np
import uvicorn

from builders import PROVENANCE, detections
from lineproof.core import Detections, Inspection
from lineproof.core.threshold import Threshold
from lineproof.engine.scripted import ScriptedEngine
from lineproof.inspector import Inspector
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules
from lineproof.serve.app import create_app
from lineproof.serve.auth import Token, Tokens
from lineproof.serve.door import Door
from lineproof.serve.readiness import Loaded, State
from lineproof.serve.schemas import BundleFacts
from lineproof.serve.server import listen, make_server, url_of
from lineproof.serve.settings import ServeSettings

CLASSES = ("scratch", "dent")
SCRATCH = detections((10, 10, 30, 20, 0.9, 0))
FACTS = BundleFacts(
    name=PROVENANCE.bundle_name,
    digest=PROVENANCE.bundle_digest,
    task="detect",
    classes=list(CLASSES),
    model_input=(64, 64),
    score_floor=0.01,
    thresholds={name: {"score": 0.5, "review_score": 0.3} for name in CLASSES},
    provider=PROVENANCE.provider,
)


def engine(*answers: object, otherwise: object | None = None) -> ScriptedEngine:
    return ScriptedEngine(CLASSES, answers, otherwise=otherwise)


def loaded(of: ScriptedEngine | None = None, threads: int = 2) -> Loaded:
    limits = compile_limits(Rules(), CLASSES, dict.fromkeys(CLASSES, Threshold(0.5, 0.3)), 0.01)
    return Loaded(Inspector(of or engine(), limits, PROVENANCE), FACTS, threads)


def picture(suffix: str = ".jpg", width: int = 64, height: int = 48, grey: int = 128) -> bytes:
    _, data = cv2.imencode(suffix, np.full((height, width, 3), grey, np.uint8))
    return data.tobytes()


@dataclass
class Kept:
    """A Recorder that remembers."""

    rows: list[tuple[Inspection, np.ndarray | None]] = field(default_factory=list)
    closed: bool = False

    def put(self, inspection: Inspection, image: np.ndarray | None) -> None:
        self.rows.append((inspection, image))

    def close(self) -> None:
        self.closed = True

    def wait(self, rows: int) -> None:
        until(lambda: len(self.rows) >= rows)


@dataclass
class Served:
    url: str
    client: httpx.Client
    door: Door
    uvicorn: uvicorn.Server
    stop: Callable[[], None]

    def post(self, content: bytes = picture(), **query: str) -> httpx.Response:
        return self.client.post("/v1/inspect", params=query, content=content)

    def error(self, response: httpx.Response) -> tuple[int, str]:
        """Status and code of an error, its shape checked."""
        assert response.headers["content-type"] == "application/json"
        body = response.json()
        assert list(body) == ["error"]
        assert list(body["error"]) == ["code", "message", "hint"]
        assert body["error"]["message"]
        return response.status_code, body["error"]["code"]


@contextmanager
def serving(
    of: ScriptedEngine | None = None,
    *,
    load: Callable[[], Loaded] | None = None,
    token: str | Tokens | None = None,
    threads: int = 2,
    recorder: Kept | None = None,
    wait: bool = True,
    **settings: object,
) -> Iterator[Served]:
    """Real uvicorn on a free port of loopback, ready unless told otherwise."""
    key = Tokens(Token(token, where="test")) if isinstance(token, str) else token
    asked = ServeSettings.model_validate(settings)
    app = create_app(load or (lambda: loaded(of, threads)), asked, token=key, recorder=recorder)
    listener = listen("127.0.0.1", 0)
    server = make_server(app, deadline_ms=asked.deadline_ms)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()

    headers = {"Authorization": f"Bearer {token}"} if isinstance(token, str) else {}
    url = url_of(listener)
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60, verify=False) as client:
            if wait:
                until(lambda: server.started and app.state.door.readiness().state is State.READY)
            else:
                until(lambda: server.started)
            yield Served(url, client, app.state.door, server, stop)
    finally:
        stop()
        listener.close()


@asynccontextmanager
async def in_process(of: ScriptedEngine | None = None, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """The same without a socket."""
    app = create_app(lambda: loaded(of), ServeSettings.model_validate(settings))
    wire = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=wire, base_url="http://127.0.0.1") as client,
    ):
        while (await client.get("/v1/health/ready")).status_code != 200:
            await asyncio.sleep(0.01)
        yield client


def until(reached: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait for something that must come; fails when it does not."""
    give_up = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < give_up, "did not come"
        time.sleep(0.005)


def masked(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    return detections(*rows, masks=True)
