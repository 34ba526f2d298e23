"""POST /v1/trigger: its one answer, or an error that nobody can take for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from lineproof.core.station import Outcome, PartResult
from lineproof.core.verdict import Reason
from lineproof.errors import SignalError
from lineproof.serve.app import create_app
from lineproof.serve.auth import Token, Tokens
from lineproof.serve.settings import ServeSettings
from lineproof.serve.trigger import TriggerOut, trigger_routes
from serve.served import loaded

SECRET = "correct-horse-battery"


class Station:
    """Answers as it was told; remembers what was fired."""

    def __init__(self, answer: Callable[[], PartResult | None], *, busy: bool = False, trouble: str = "") -> None:
        self._answer, self._busy, self._trouble = answer, busy, trouble
        self.fired: list[tuple[str, int]] = []
        self.waited_s: list[float] = []

    def fire(self, part_id: str = "", *, deadline_ms: int = 0) -> Station | None:
        if self._trouble:
            raise SignalError(self._trouble)
        self.fired.append((part_id, deadline_ms))
        return None if self._busy else self

    def wait(self, timeout_s: float) -> PartResult | None:
        self.waited_s.append(timeout_s)
        return self._answer()


def passed(outcome: Outcome = Outcome.PASS, *reasons: Reason) -> PartResult:
    return PartResult(9, 5, "p1", outcome, reasons, latency_ms=12.3456)


def gone() -> PartResult:
    raise SignalError("the station was stopped")


def post(station: Station, query: str = "part_id=p1", token: str | None = SECRET) -> httpx.Response:
    app = create_app(loaded, ServeSettings(), token=Tokens(Token(SECRET, where="test")))
    app.include_router(trigger_routes(station, deadline_ms=200))

    async def send() -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.post(f"/v1/trigger?{query}", headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (Outcome.PASS, "PASS"), (Outcome.FAIL, "FAIL"), (Outcome.REVIEW, "REVIEW"), (Outcome.ERROR, "FAULT"),
        (Outcome.MISSED, "FAULT"),
    ],
)  # fmt: skip
def test_the_answer(outcome, decision):
    response = post(Station(lambda: passed(outcome, Reason("scratch", "a scratch", 0))))
    assert response.status_code == 200
    assert response.json() == {
        "session": 9,
        "seq": 5,
        "part_id": "p1",
        "decision": decision,
        "outcome": outcome.value,
        "reasons": [{"rule": "scratch", "text": "a scratch", "detection": 0}],
        "latency_ms": 12.346,
    }
    TriggerOut.model_validate(response.json())


@pytest.mark.parametrize(
    ("query", "fired", "waited_s"),
    [
        ("part_id=p1&deadline_ms=80", ("p1", 80), 0.33),
        ("", ("", 0), 0.45),
        ("deadline_ms=5000", ("", 5000), 0.45),
    ],
)
def test_the_shorter_deadline_counts(query, fired, waited_s):
    station = Station(passed)
    assert post(station, query).status_code == 200
    assert (station.fired, station.waited_s) == ([fired], [pytest.approx(waited_s)])


@pytest.mark.parametrize(
    ("station", "status", "code"),
    [
        (Station(passed, busy=True), 409, "part_conflict"),
        (Station(passed, trouble="the station is not ready: ERROR, fault 101"), 503, "not_ready"),
        (Station(gone), 503, "not_ready"),
        (Station(lambda: None), 504, "deadline"),
    ],
    ids=["busy", "not ready", "stopped", "no answer"],
)
def test_no_answer_is_an_error(station, status, code):
    response = post(station)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert response.json()["error"]["code"] == code
    assert "PASS" not in response.text


@pytest.mark.parametrize(
    "query", ["part_id=a%20b", "part_id=", "deadline_ms=0", "deadline_ms=x", "part=p1", "part_id=" + "a" * 65]
)
def test_a_wrong_query_fires_nothing(query):
    station = Station(passed)
    response = post(station, query)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")
    assert not station.fired


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("wrong-horse-battery", 403)])
def test_without_the_token_nothing_is_fired(token, status):
    station = Station(passed)
    assert post(station, token=token).status_code == status
    assert not station.fired
