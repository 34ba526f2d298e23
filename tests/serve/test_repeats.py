"""The same part and view again: the same inspection, also while the first one runs; bounded in every direction."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.engine.scripted import Hang
from lineproof.serve.errors import Refusal
from lineproof.serve.idempotency import MAX_KEPT_BYTES, Answer, Outcome, Repeats
from serve.served import SCRATCH, Kept, engine, picture, serving, until


def test_a_part_sent_again_gets_the_same_inspection():
    scripted, kept = engine(otherwise=SCRATCH), Kept()
    with serving(scripted, recorder=kept) as server:
        first, second = server.post(part_id="a"), server.post(part_id="a")
        form = server.client.post("/v1/inspect?part_id=a", files={"image": picture()})
        other_view, other_part = server.post(part_id="a", view="left"), server.post(part_id="b")
    assert first.content == second.content == form.content
    assert "Inspection-Repeated" not in first.headers
    assert second.headers["Inspection-Repeated"] == form.headers["Inspection-Repeated"] == "true"
    assert len({r.json()["inspection_id"] for r in (first, other_view, other_part)}) == 3
    assert len(scripted.images) == len(kept.rows) == 3


def test_other_bytes_under_the_same_name_are_409():
    with serving() as server:
        server.post(part_id="a")
        response = server.post(picture(grey=1), part_id="a")
        assert server.error(response) == (409, "part_conflict")
        assert server.post(part_id="a").headers["Inspection-Repeated"] == "true"


def test_requests_that_come_while_the_first_one_runs_join_it():
    hang = Hang(then=SCRATCH)
    scripted = engine(hang)
    with serving(scripted) as server, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.post, part_id="a") for _ in range(8)]
        until(lambda: len(scripted.images) == 1)
        conflict = server.post(picture(grey=1), part_id="a")
        hang.release.set()
        answers = [request.result() for request in asked]
    assert server.error(conflict) == (409, "part_conflict")
    assert len(scripted.images) == 1
    assert len({answer.content for answer in answers}) == 1
    assert sum("Inspection-Repeated" in answer.headers for answer in answers) == 7


def test_a_fault_is_repeated_too_but_a_refusal_is_not():
    scripted = engine(RuntimeError("gone"))
    with serving(scripted) as server:
        assert server.post(part_id="a").json()["decision"] == "FAULT"
        assert server.post(part_id="a").json()["decision"] == "FAULT"
        assert server.error(server.post(b"no image", part_id="b")) == (400, "not_an_image")
        assert server.post(part_id="b").json()["decision"] == "PASS"


def test_without_a_window_every_request_is_new():
    scripted = engine()
    with serving(scripted, repeat_window_s=0) as server:
        server.post(part_id="a")
        assert server.post(picture(grey=1), part_id="a").status_code == 200
    assert len(scripted.images) == 2


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def settled(repeats: Repeats, key: tuple[str, str], result: Answer | Refusal) -> None:
    outcome = Outcome()
    repeats.follow(key, b"d", outcome)
    assert outcome.settle(result)


def find(repeats: Repeats, key: tuple[str, str], digest: bytes = b"d") -> Outcome | None:
    return repeats.find(key, lambda: digest)


def test_the_window_ends_and_the_number_is_bounded():
    clock = Clock()
    repeats = Repeats(window_s=10, limit=3, clock=clock)
    for number in range(5):
        clock.now_s = number
        settled(repeats, (str(number), "main"), Answer("i", b"x"))
    assert len(repeats) == 3
    assert find(repeats, ("1", "main")) is None
    assert find(repeats, ("2", "main")).result == Answer("i", b"x")
    with pytest.raises(Refusal, match="other bytes"):
        find(repeats, ("2", "main"), b"e")
    clock.now_s = 12  # the one of second 2 is ten seconds old
    assert find(repeats, ("2", "main"), b"e") is None
    assert find(repeats, ("3", "main")) is not None
    assert len(repeats) == 2


def test_the_bytes_are_bounded():
    repeats = Repeats(window_s=10, limit=1000, clock=Clock())
    for number in range(6):
        settled(repeats, (str(number), "main"), Answer("i", bytes(MAX_KEPT_BYTES // 4)))
    assert len(repeats) == 4


def test_a_new_part_is_not_hashed_to_be_found():
    repeats = Repeats(window_s=10, limit=3, clock=Clock())
    assert repeats.find(("a", "main"), lambda: pytest.fail("hashed")) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["answer", "refuse", "wait"])), max_size=30))
def test_it_never_holds_more_than_it_may(steps):
    clock = Clock()
    repeats = Repeats(window_s=5, limit=2, clock=clock)
    running: set[str] = set()
    for name, what in steps:
        clock.now_s += 1
        key = (name, "main")
        known = find(repeats, key)
        assert known is not None or name not in running
        if known is not None:
            continue
        if what == "wait":
            repeats.follow(key, b"d", Outcome())
            running.add(name)
        else:
            settled(repeats, key, Answer("i", b"x") if what == "answer" else Refusal("deadline", "late"))
            assert (find(repeats, key) is not None) == (what == "answer")
        assert len(repeats) <= 2 + len(running)


def test_an_outcome_is_told_to_all_who_wait_and_the_first_result_stands():
    async def story() -> None:
        outcome = Outcome()
        waiting = [asyncio.create_task(outcome.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # a request that went away takes nobody along
        await asyncio.sleep(0)
        assert outcome.settle(Answer("i", b"x"))
        assert not outcome.settle(Answer("j", b"y"))
        assert [await task for task in waiting[1:]] == [Answer("i", b"x")] * 2
        assert await outcome.wait() == Answer("i", b"x")
        assert waiting[0].cancelled()

    asyncio.run(story())
