"""The door to stations that programs trigger: no image goes in, the cameras' own are inspected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from lineproof import __version__
from lineproof.serve.access import AccessLog
from lineproof.serve.auth import Tokens
from lineproof.serve.docs import docs_page
from lineproof.serve.error_shape import answer_errors
from lineproof.serve.errors import Refusal
from lineproof.serve.guard import Guard, HostNames
from lineproof.serve.routes import errors
from lineproof.serve.schemas import LiveOut
from lineproof.serve.settings import ServeSettings
from lineproof.serve.trigger import Fires, trigger_routes


@dataclass(frozen=True, slots=True)
class Triggered:
    """A station behind the door."""

    station: Fires
    deadline_ms: float
    trouble: Callable[[], str]  # why no trigger would be inspected now; "" when one would


def create_station_app(stations: Mapping[str, Triggered], settings: ServeSettings, token: Tokens | None) -> FastAPI:
    """`POST /v1/stations/NAME/trigger`, and `/v1/trigger` where there is but one station."""
    log = AccessLog()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        log.open()
        yield
        await asyncio.get_running_loop().run_in_executor(None, log.close)

    app = FastAPI(
        title="lineproof stations",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(_health_routes(stations))
    for name, one in stations.items():
        app.include_router(trigger_routes(one.station, one.deadline_ms, f"/v1/stations/{name}"))
    if len(stations) == 1:
        (one,) = stations.values()
        app.include_router(trigger_routes(one.station, one.deadline_ms))
    answer_errors(app, lambda _: None)
    docs_page(app)
    hosts = HostNames.of(settings.host, settings.allowed_hosts, with_token=token is not None)
    app.add_middleware(Guard, tokens=token, hosts=hosts, log=log, on_refusal=lambda _: None)
    return app


def _health_routes(stations: Mapping[str, Triggered]) -> APIRouter:
    router = APIRouter(prefix="/v1/health", tags=["Health"])

    @router.get("/live", response_description="It answers.")
    async def live() -> LiveOut:
        """Whether the process answers; the only address that never asks for the token."""
        return LiveOut(version=__version__)

    @router.get("/ready", response_description="Triggers are answered.", responses=errors("not_ready"))
    async def ready() -> dict[str, bool]:
        """Whether every station would inspect the next part."""
        troubles = {name: why for name, one in stations.items() if (why := one.trouble())}
        if troubles:
            raise Refusal("not_ready", "; ".join(f"{name}: {why}" for name, why in troubles.items()))
        return dict.fromkeys(stations, True)

    return router
