"""Not ready until everything is verified; said aloud, with the reason."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from lineproof import __version__
from lineproof.errors import BundleError, EngineError
from lineproof.serve.app import create_app
from lineproof.serve.readiness import State
from lineproof.serve.settings import ServeSettings
from serve.served import FACTS, Kept, in_process, loaded, picture, serving, until


def test_live_answers_at_once_and_everything_else_says_not_ready_until_it_is():
    go = threading.Event()

    def load():
        go.wait(20)
        return loaded()

    with serving(load=load, wait=False) as server:
        assert server.client.get("/v1/health/live").json() == {"live": True, "version": __version__}
        for response in (server.client.get("/v1/health/ready"), server.client.get("/v1/bundle"), server.post()):
            assert server.error(response) == (503, "not_ready")
            assert response.headers["Retry-After"] == "1"
        stats = server.client.get("/v1/stats").json()
        assert (stats["ready"], stats["stages_ms"], stats["rejected"]) == (False, {}, {"not_ready": 2})
        assert "lineproof_ready 0.0" in server.client.get("/metrics").text
        go.set()
        until(lambda: server.client.get("/v1/health/ready").status_code == 200)
        assert server.post().status_code == 200
        assert server.client.get("/v1/stats").json()["ready"] is True
        metrics = server.client.get("/metrics").text
    assert "lineproof_ready 1.0" in metrics
    assert 'name="demo"' in metrics


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (EngineError("probe 3 disagrees", hint="update the driver"), "probe 3 disagrees", "update the driver"),
        (BundleError("model.onnx was changed"), "model.onnx was changed", ""),
        (ZeroDivisionError("odd"), "ZeroDivisionError: odd", ""),
    ],
)
def test_a_load_that_fails_says_why_for_ever(error, reason, hint):
    told = []

    def load():
        raise error

    async def story() -> None:
        kept = Kept()
        app = create_app(load, ServeSettings(), recorder=kept, tell=told.append)
        wire = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=wire, base_url="http://[::1]") as client,
        ):
            while not told:
                await asyncio.sleep(0.01)
            for _ in range(2):
                answer = await client.post("/v1/inspect", content=picture())
                assert answer.status_code == 503
                assert (answer.json()["error"]["message"], answer.json()["error"]["hint"]) == (reason, hint)
            assert (await client.get("/v1/health/live")).status_code == 200
        assert kept.closed

    asyncio.run(story())
    assert [(now.state, now.error) for now in told] == [(State.FAILED, error)]


def test_ready_and_bundle_tell_what_decides():
    async def story() -> None:
        async with in_process() as client:
            ready = (await client.get("/v1/health/ready")).json()
            bundle = (await client.get("/v1/bundle")).json()
        assert ready == {
            "ready": True, "bundle": {"name": FACTS.name, "digest": FACTS.digest}, "provider": FACTS.provider, "fallback": "",
        }  # fmt: skip
        assert bundle == FACTS.model_dump(mode="json")

    asyncio.run(story())


def test_a_server_can_be_stopped_while_it_loads():
    go = threading.Event()
    threading.Timer(0.3, go.set).start()

    def load():
        go.wait(20)
        return loaded()

    with serving(load=load, wait=False) as server:
        assert server.client.get("/v1/health/live").status_code == 200
