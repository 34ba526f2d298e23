"""Batches form while one runs; nobody waits for ever, nobody pays for another's image, no lock is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.core import Detections, StageTimes
from lineproof.engine.batching import BatchingEngine, gather_s
from lineproof.errors import EngineError
from tiny_bundle import PARTS, tiny_engine

BAD = 255


def image(number: int) -> np.ndarray:
    return np.full((2, 2, 3), number, np.uint8)


def answer(picture: np.ndarray) -> tuple[Detections, StageTimes]:
    """An answer that names its image: its number is the score."""
    return Detections([[0, 0, 1, 1]], [float(picture[0, 0, 0]) / 256], [0]), StageTimes()


@dataclass
class Counting:
    """A batch engine that notes its runs; each waits for `gate`, and an image of 255 breaks its run."""

    gate: threading.Event = field(default_factory=threading.Event)
    runs: list[int] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)
    classes = ("a",)
    provider = "test"
    input_wh = (2, 2)

    def detect_many(self, images: Sequence[np.ndarray]) -> list[tuple[Detections, StageTimes]]:
        self.runs.append(len(images))
        assert self.gate.wait(30)
        if any(picture[0, 0, 0] == BAD for picture in images):
            raise EngineError("a bad image")
        return [answer(picture) for picture in images]

    def detect(self, picture: np.ndarray) -> tuple[Detections, StageTimes]:
        self.alone.append(int(picture[0, 0, 0]))
        if picture[0, 0, 0] == BAD:
            raise EngineError("a bad image")
        return answer(picture)


def number_of(found: tuple[Detections, StageTimes]) -> int:
    return round(float(found[0].score[0]) * 256)


def until(reached) -> None:
    give_up = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def asked(pool: ThreadPoolExecutor, batching: BatchingEngine, numbers: Sequence[int]) -> list[Future]:
    """One call after the other, in this order."""
    futures = []
    for number in numbers:
        before = len(batching._waiting)
        runs = len(batching.engine.runs)
        futures.append(pool.submit(batching.detect, image(number)))
        until(lambda b=before, r=runs: len(batching._waiting) > b or len(batching.engine.runs) > r)
    return futures


@pytest.fixture
def pool():
    with ThreadPoolExecutor(32) as threads:
        yield threads


def test_a_lone_call_runs_at_once():
    engine = Counting()
    engine.gate.set()
    batching = BatchingEngine(engine, 8, gather_s=30)  # it would wait half a minute for company
    assert [number_of(batching.detect(image(n))) for n in range(3)] == [0, 1, 2]
    assert engine.runs == [1, 1, 1]


def test_while_one_runs_the_next_gathers_and_no_batch_is_too_large(pool):
    engine = Counting()
    batching = BatchingEngine(engine, 4)
    futures = asked(pool, batching, range(10))
    assert engine.runs == [1]
    engine.gate.set()
    assert [number_of(future.result(30)) for future in futures] == list(range(10))
    assert engine.runs == [1, 4, 4, 1]
    assert not engine.alone


def test_one_bad_image_faults_only_its_own_caller(pool):
    engine = Counting()
    batching = BatchingEngine(engine, 8)
    futures = asked(pool, batching, [0, 1, BAD, 3])
    engine.gate.set()
    with pytest.raises(EngineError, match="a bad image"):
        futures[2].result(30)
    assert [number_of(futures[n].result(30)) for n in (0, 1, 3)] == [0, 1, 3]
    assert sorted(engine.alone) == [1, 3, BAD]


def test_a_lone_failure_is_not_tried_twice():
    engine = Counting()
    engine.gate.set()
    with pytest.raises(EngineError, match="a bad image"):
        BatchingEngine(engine, 8).detect(image(BAD))
    assert (engine.runs, engine.alone) == ([1], [])


@pytest.mark.parametrize("error", [EngineError("gone"), RuntimeError("odd"), MemoryError()])
def test_a_batch_that_fails_loses_nobody(pool, error):
    engine = Counting()
    batching = BatchingEngine(engine, 8)

    def broken(images):
        engine.runs.append(len(images))
        engine.gate.wait(30)
        raise error

    engine.detect_many = broken
    futures = asked(pool, batching, range(5))
    engine.gate.set()
    outcomes = [future.exception(30) for future in futures]
    assert sum(outcome is not None for outcome in outcomes) <= 2  # the leaders of the two batches hear what was odd
    assert all(outcome is error for outcome in outcomes if outcome is not None)
    assert batching._running is None


def test_too_few_answers_are_a_failure(pool):
    engine = Counting()
    batching = BatchingEngine(engine, 8)
    engine.detect_many = lambda images: (engine.runs.append(len(images)), engine.gate.wait(30), [])[2]
    futures = asked(pool, batching, range(3))
    engine.gate.set()
    assert [number_of(future.result(30)) for future in futures] == [0, 1, 2]


def test_a_batch_that_hangs_is_given_up_and_the_next_one_runs_beside_it(pool):
    engine = Counting()
    batching = BatchingEngine(engine, 2, patience_s=0.3)
    leads, second, follows, waits = asked(pool, batching, [1, 2, 3, 4])
    until(lambda: len(engine.runs) == 2)  # the first who waited leads, though the other batch never ended
    for future in (follows, waits):  # one in a batch that hangs, one still in line
        assert isinstance(future.exception(30), EngineError)
        assert "busy with one batch" in str(future.exception())
    engine.gate.set()  # it comes back after all
    assert [number_of(future.result(30)) for future in (leads, second)] == [1, 2]
    assert number_of(batching.detect(image(7))) == 7
    assert batching._running is None
    assert not batching._waiting


def test_company_is_waited_for_only_after_company(pool):
    engine = Counting()
    batching = BatchingEngine(engine, 3, gather_s=30)
    futures = asked(pool, batching, [0, 1, 2])
    engine.gate.set()
    for future in futures:
        future.result(30)
    assert engine.runs == [1, 2]  # the second had no company before it: it did not wait for a third
    waits = asked(pool, batching, [3])
    assert not waits[0].done()
    more = asked(pool, batching, [4, 5])  # the third fills the batch
    assert [number_of(future.result(30)) for future in (*waits, *more)] == [3, 4, 5]
    assert engine.runs == [1, 2, 3]


@pytest.mark.parametrize(
    ("gather_ms", "deadline_ms", "expected"), [(0, 5000, 0), (5, 5000, 0.005), (500, 1000, 0.1), (10, 50, 0.005)]
)
def test_the_wait_for_company_is_a_share_of_the_deadline(gather_ms, deadline_ms, expected):
    assert gather_s(gather_ms, deadline_ms) == pytest.approx(expected)


def test_a_batch_of_none_is_no_batch():
    with pytest.raises(ValueError, match="max_batch"):
        BatchingEngine(Counting(), 0)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=24), st.integers(1, 6), st.sampled_from([0.0, 0.002]))
def test_everybody_gets_his_own_answer(numbers, max_batch, gather):
    engine = Counting()
    engine.gate.set()
    batching = BatchingEngine(engine, max_batch, gather_s=gather)
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(batching.detect, image(number)) for number in numbers]
        for number, future in zip(numbers, futures, strict=True):
            if number == BAD:
                assert isinstance(future.exception(30), EngineError)
            else:
                assert number_of(future.result(30)) == number
    assert max(engine.runs) <= max_batch
    assert batching._running is None
    assert not batching._waiting


def test_a_real_engine_behind_it_answers_as_alone(pool):
    engine = tiny_engine()
    batching = BatchingEngine(engine, 4)
    expected = {name: engine.detect(picture)[0] for name, picture in PARTS.items()}
    futures = [(name, pool.submit(batching.detect, picture)) for name, picture in list(PARTS.items()) * 10]
    for name, future in futures:
        assert np.array_equal(future.result(30)[0].xyxy, expected[name].xyxy)
