"""Late, lost, failing, hanging: the caller always hears something in time, and the part is recorded as FAULT."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lineproof.core import Detections
from lineproof.engine.scripted import Hang
from lineproof.errors import EngineError
from lineproof.serve import worker
from serve.served import SCRATCH, Kept, engine, picture, serving, until


def stats(server) -> dict:
    return server.client.get("/v1/stats").json()


def test_a_slow_engine_is_504_and_its_late_verdict_is_recorded_as_a_fault():
    hang, kept = Hang(then=Detections.empty()), Kept()
    scripted = engine(hang)
    with serving(scripted, recorder=kept, deadline_ms=200) as server:
        assert server.error(server.post(part_id="a")) == (504, "deadline")
        assert not kept.rows
        hang.release.set()
        kept.wait(1)
        inspection, image = kept.rows[0]
        assert (inspection.decision, inspection.verdict.reasons[0].rule) == ("FAULT", "deadline")
        assert "PASS came after" in inspection.verdict.reasons[0].text
        assert image is not None
        assert (stats(server)["late"], stats(server)["decisions"]["FAULT"]) == (1, 1)
        assert stats(server)["rejected"] == {"deadline": 1}
        again = server.post(part_id="a").json()  # the key is free: a fresh inspection
    assert again["decision"] == "PASS"
    assert again["inspection_id"] != inspection.inspection_id


def test_what_waits_past_its_deadline_never_reaches_the_engine_and_is_a_fault():
    hang, kept = Hang(then=SCRATCH), Kept()
    scripted = engine(hang)
    with serving(scripted, recorder=kept, deadline_ms=300, threads=1) as server, ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda n: server.post(part_id=str(n)), range(5)))
        assert [server.error(answer) for answer in answers] == [(504, "deadline")] * 5
        hang.release.set()
        kept.wait(5)
    assert len(scripted.images) == 1
    assert {inspection.part_id for inspection, _ in kept.rows} == set("01234")
    assert {inspection.decision for inspection, _ in kept.rows} == {"FAULT"}


@pytest.mark.parametrize("error", [EngineError("CUDA is gone"), RuntimeError("odd"), MemoryError()])
def test_a_failing_engine_is_a_fault_that_names_it(error):
    kept = Kept()
    with serving(engine(error, SCRATCH), recorder=kept) as server:
        body = server.post(part_id="a").json()
        assert server.post(part_id="b").json()["decision"] == "FAIL"
    assert body["decision"] == "FAULT"
    assert body["reasons"] == [{"rule": "engine", "text": f"{type(error).__name__}: {error}", "detection": None}]
    assert body["image"] == [64, 48]
    assert [inspection.decision for inspection, _ in kept.rows] == ["FAULT", "FAIL"]


def test_a_full_queue_is_429_and_says_when_to_come_back():
    hang = Hang(then=SCRATCH)
    with serving(engine(otherwise=hang), queue=2, threads=3) as server, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.post, part_id=str(n)) for n in range(2 + 3)]
        until(lambda: len(server.door._worker._jobs) == 2 + 3)
        assert stats(server)["queue"] == {"depth": 2, "capacity": 2}
        refused = server.post(part_id="one-too-many")
        assert server.error(refused) == (429, "queue_full")
        assert int(refused.headers["Retry-After"]) >= 1
        hang.release.set()
        assert {request.result().status_code for request in asked} == {200}
        assert server.post(part_id="one-too-many").status_code == 200


def test_an_engine_that_hangs_makes_the_server_not_ready_until_it_returns(monkeypatch):
    monkeypatch.setattr(worker, "STUCK_MIN_S", 0.3)
    hang = Hang(then=SCRATCH)
    with serving(engine(hang), deadline_ms=50) as server:
        assert server.error(server.post()) == (504, "deadline")
        until(lambda: server.client.get("/v1/health/ready").status_code == 503)
        refused = server.client.get("/v1/health/ready")
        assert "busy with one part" in refused.json()["error"]["message"]
        assert server.client.get("/v1/health/live").status_code == 200
        hang.release.set()
        until(lambda: server.client.get("/v1/health/ready").status_code == 200)


def test_stopping_answers_what_runs_and_records_it():
    hang, kept = Hang(then=SCRATCH), Kept()
    scripted = engine(hang)
    with serving(scripted, recorder=kept) as server, ThreadPoolExecutor(2) as pool:
        asked = pool.submit(server.post, part_id="a")
        until(lambda: len(scripted.images) == 1)
        stopping = pool.submit(server.stop)
        time.sleep(0.2)
        hang.release.set()
        assert asked.result().json()["decision"] == "FAIL"
        stopping.result()
    assert kept.closed
    assert [inspection.part_id for inspection, _ in kept.rows] == ["a"]


def test_a_part_on_which_the_engine_hangs_for_ever_is_recorded_when_the_server_stops():
    hang, kept = Hang(then=SCRATCH), Kept()
    with serving(engine(hang), recorder=kept, deadline_ms=100) as server:
        assert server.error(server.post(part_id="a")) == (504, "deadline")
        server.stop()
    hang.release.set()
    assert kept.closed
    assert [(i.part_id, i.decision, i.verdict.reasons[0].rule) for i, _ in kept.rows] == [("a", "FAULT", "stopped")]


def test_a_broken_recorder_does_not_change_an_answer(caplog):
    class Broken(Kept):
        def put(self, *_):
            raise OSError("disk full")

    with serving(engine(otherwise=SCRATCH), recorder=Broken()) as server:
        assert [server.post(picture(grey=n)).json()["decision"] for n in range(3)] == ["FAIL"] * 3
        assert stats(server)["decisions"]["FAIL"] == 3
    assert "disk full" in caplog.text
