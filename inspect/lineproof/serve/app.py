"""The FastAPI application, put together from finished parts; no globals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from lineproof import __version__
from lineproof.ports import Recorder
from lineproof.serve.access import AccessLog
from lineproof.serve.auth import Tokens
from lineproof.serve.docs import docs_page
from lineproof.serve.door import Door, Load
from lineproof.serve.errors import Refusal, code_of_status, error_response, explain_validation
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
    _answer_errors(app, door)
    docs_page(app)
    hosts = HostNames.of(settings.host, settings.allowed_hosts, with_token=token is not None)
    app.add_middleware(HotPath, door=door)
    app.add_middleware(
        Guard, tokens=token, hosts=hosts, log=log, on_refusal=lambda refusal: door.stats.refused(refusal.code)
    )
    return app


def _answer_errors(app: FastAPI, door: Door) -> None:
    """One shape for every error, ours and the framework's, each counted."""

    def answer(request: Request, refusal: Refusal) -> Response:
        if not request.url.path.startswith("/v1/health/"):  # asking whether it is ready is no request refused
            door.stats.refused(refusal.code)
        return error_response(refusal)

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        hint = "part_id and view: 1 to 64 of A-Z a-z 0-9 . _ -; nothing else goes into the query"
        return answer(request, Refusal("invalid_request", explain_validation(error.errors()), hint=hint))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        words = {404: "no such address", 405: f"{request.method} is not allowed here"}
        message = words.get(error.status_code, str(error.detail))
        code, hint = code_of_status(error.status_code), "see /docs for all addresses"
        return answer(request, Refusal(code, message, hint=hint, headers=error.headers))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        message = f"internal error: {type(error).__name__}"
        hangs_up = {"Connection": "close"}  # uvicorn does after a traceback, so the caller should know
        return answer(request, Refusal("internal", message, hint="see the server's log", headers=hangs_up))
