"""The FastAPI application, put together from finished parts; no globals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lineproof import __version__
from lineproof.ports import Recorder
from lineproof.serve.access import AccessLog
from lineproof.serve.auth import Tokens
from lineproof.serve.docs import docs_page
from lineproof.serve.door import Door, Load
from lineproof.serve.error_shape import answer_errors
from lineproof.serve.guard import Guard, HostNames
from lineproof.serve.hot import HotPath
from lineproof.serve.openapi import describe
from lineproof.serve.readiness import Loaded, Readiness
from lineproof.serve.routes import facts_routes, health_routes, inspect_routes
from lineproof.serve.settings import ServeSettings


def create_app(
    load: Load,
    settings: ServeSettings,
    *,
    token: Tokens | None = None,
    recorder: Recorder | None = None,
    tell: Callable[[Readiness], None] = lambda _: None,
) -> FastAPI:
    """The HTTP door to an inspector.

    `load` runs in a thread while the app already answers `live`; `tell` hears, on the event loop, how it ended.
    The recorder is closed with the app.
    """

    def prepare() -> Loaded:
        app.openapi()  # takes 0.1 s and more, once: not on the event loop
        return load()

    door = Door(prepare, settings, recorder)
    log = AccessLog()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        log.open()
        await door.open(tell)
        yield
        await door.close()
        await asyncio.get_running_loop().run_in_executor(None, log.close)

    app = FastAPI(
        title="lineproof",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page loads its scripts from the internet
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.door = door
    for routes in (health_routes, facts_routes):
        app.include_router(routes(door))
    describe(app, settings, hot=inspect_routes(), with_token=token is not None)
    answer_errors(app, door.stats.refused)
    docs_page(app)
    hosts = HostNames.of(settings.host, settings.allowed_hosts, with_token=token is not None)
    app.add_middleware(HotPath, door=door)
    app.add_middleware(
        Guard, tokens=token, hosts=hosts, log=log, on_refusal=lambda refusal: door.stats.refused(refusal.code)
    )
    return app
