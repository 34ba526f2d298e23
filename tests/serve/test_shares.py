"""Several images at once, and a fair share of the queue for every token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from lineproof.engine.scripted import Hang
from lineproof.serve.auth import Token, Tokens
from serve.served import SCRATCH, Kept, engine, picture, serving, until

KEYS = {"greedy": "g" * 20, "modest": "m" * 20}
TOKENS = Tokens(*(Token(text, where="test", name=name) for name, text in KEYS.items()))


def post(server, caller: str, part_id: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEYS[caller]}"}
    return server.client.post("/v1/inspect", params={"part_id": part_id}, content=picture(), headers=headers)


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_images_run_at_once_as_there_are_threads(threads):
    hang = Hang(then=SCRATCH)
    scripted = engine(otherwise=hang)
    with serving(scripted, threads=threads) as server, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.post, part_id=str(n)) for n in range(5)]
        until(lambda: len(server.door._worker._jobs) == 5 and len(scripted.images) == threads)
        assert server.client.get("/v1/stats").json()["queue"]["depth"] == 5 - threads
        assert len(scripted.images) == threads
        hang.release.set()
        assert [request.result().json()["decision"] for request in asked] == ["FAIL"] * 5


def test_a_flood_of_one_token_leaves_the_other_its_place():
    hang, kept = Hang(then=SCRATCH), Kept()
    scripted = engine(otherwise=hang)
    with (
        serving(scripted, token=TOKENS, threads=1, queue=4, recorder=kept) as server,
        ThreadPoolExecutor(8) as pool,
    ):
        flood = []
        for number in range(5):  # one runs, four wait: the line is full
            flood.append(pool.submit(post, server, "greedy", f"g{number}"))
            until(lambda n=number: len(server.door._worker._jobs) == n + 1)
        until(lambda: server.door._worker.depth == 4)
        assert server.error(post(server, "greedy", "g5")) == (429, "queue_full")
        modest = [pool.submit(post, server, "modest", f"m{number}") for number in range(2)]
        pushed = [flood[4].result(), flood[3].result()]  # the newest of the flood make room, up to the share of two
        assert [server.error(answer) for answer in pushed] == [(429, "queue_full")] * 2
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in pushed)
        assert server.error(post(server, "modest", "m2")) == (429, "queue_full")
        hang.release.set()
        assert [request.result().status_code for request in (*flood[:3], *modest)] == [200] * 5
        kept.wait(5)
        assert post(server, "greedy", "g4").json()["decision"] == "FAIL"  # turned away is not inspected: ask again
        kept.wait(6)
    order = [inspection.part_id for inspection, _ in kept.rows]
    assert sorted(order[1:5]) == ["g1", "g2", "m0", "m1"]
    assert [name[0] for name in order[:5]] == ["g", "g", "m", "g", "m"]  # in turn


def test_who_waited_in_vain_gives_his_place_back():
    hang = Hang(then=SCRATCH)
    with serving(engine(hang), threads=1, queue=1, deadline_ms=200) as server, ThreadPoolExecutor(2) as pool:
        late = [pool.submit(server.post, part_id=name) for name in "ab"]
        assert {server.error(request.result()) for request in late} == {(504, "deadline")}
        assert server.door._worker.depth == 0
        hang.release.set()
        assert server.post(part_id="c").status_code == 200
