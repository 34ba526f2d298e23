from __future__ import annotations

import threading
import time

import pytest

from builders import frame, inspection
from lineproof.core.budget import RestartBudget
from lineproof.line.worker import Bench, Ticket

FAR_NS = 10**19


def bench_of(inspect, hung_ms: float = 10_000, restarts: int = 2) -> Bench:
    return Bench(inspect, hung_ms=hung_ms, budget=RestartBudget(restarts, 300))


def test_frames_are_inspected_in_order_on_one_thread():
    threads = []

    def inspect(item):
        threads.append(threading.get_ident())
        return inspection(item.part_id)

    bench = bench_of(inspect)
    tickets = [bench.submit(frame(name), FAR_NS) for name in "abc"]
    assert [ticket.wait(5).part_id for ticket in tickets] == list("abc")
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    bench.close()


def test_a_cancelled_ticket_is_not_begun():
    gate, begun = threading.Event(), []

    def inspect(item):
        begun.append(item.part_id)
        gate.wait(20)
        return inspection(item.part_id)

    bench = bench_of(inspect)
    first, second, third = (bench.submit(frame(name), FAR_NS) for name in "abc")
    second.cancel()
    assert second.given_up
    gate.set()
    assert third.wait(5).part_id == "c"
    assert begun == ["a", "c"]
    first.cancel()  # too late to cancel
    assert not first.given_up
    bench.close()


def test_a_ticket_past_its_cutoff_is_not_begun():
    ticket = Ticket(frame("a"), time.monotonic_ns() - 1)
    assert not ticket.begin()
    assert ticket.given_up
    assert ticket.started_ns is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_is_replaced():
    """SystemExit in a thread ends it without a word."""

    def inspect(item):
        if item.part_id == "a":
            raise SystemExit
        return inspection(item.part_id)

    bench = bench_of(inspect)
    bench.submit(frame("a"), FAR_NS)
    for _ in range(500):
        bench.supervise()
        if bench.restarts:
            break
        time.sleep(0.01)
    assert bench.restarts == 1
    assert bench.submit(frame("b"), FAR_NS).wait(5).part_id == "b"
    bench.close()


def test_a_worker_that_hangs_is_left_behind_and_ends_when_it_comes_back():
    gate = threading.Event()
    before = threading.active_count()

    def inspect(item):
        gate.wait(20)
        return inspection(item.part_id)

    bench = bench_of(inspect, hung_ms=20, restarts=0)
    ticket = bench.submit(frame("a"), FAR_NS)
    for _ in range(500):
        bench.supervise()
        if bench.trouble:
            break
        time.sleep(0.01)
    assert "given up after 0 restarts" in bench.trouble
    assert ticket.given_up
    assert bench.submit(frame("b"), FAR_NS) is None
    gate.set()
    for _ in range(500):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
