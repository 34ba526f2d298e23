"""What OPC UA costs on the loopback, against asyncua's own client in a process of its own.

* `show`: what the decision loop pays to hand a view over, every 5 ms, first without clients, then with busy ones that
  read as fast as they can. The aim is below 50 µs at p99, whatever clients do. Told apart where the system counts it
  (Linux): calls in which the thread waited for something, and calls in which the scheduler took its processor away.
* notification: from `show` to a subscriber's callback, at a publishing interval of 10 ms.
* `StartSingleJob`: from the call to its answer, with a decision loop that looks every 2 ms.

    python tests/benchmarks/opcua_loopback.py [--seconds 10] [--readers 4] [--out FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import statistics
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from lineproof.core.station import Outcome, PartResult, State, StationView, Triggered
from lineproof.signals.opcua.server import OpcUa, open_stations
from lineproof.signals.opcua.settings import OpcUaSettings

PERIOD_S = 0.005
AIM_US = 50.0
NODES = ("Result/ResultSnapshot", "Result/Seq", "Result/Outcome", "Status/Heartbeat")


def view(seq: int) -> StationView:
    """A fresh result each time: all of its variables are written, twice."""
    result = PartResult(7, seq, f"part-{seq}", Outcome.PASS if seq % 2 else Outcome.FAIL)
    return StationView(7, State.READY, result=result, ready=True, heartbeat=seq & 0xFFFF)


class Shows(NamedTuple):
    """One entry for each call of `show`."""

    took_us: list[float]
    waited: list[bool]
    preempted: list[bool]
    shown_ns: dict[int, int]  # number → monotonic clock after the call

    def facts(self) -> dict[str, object]:
        """For people: of all, and of those that the scheduler left alone."""
        alone = [took for took, preempted in zip(self.took_us, self.preempted, strict=True) if not preempted]
        return {
            "all": spread(self.took_us),
            "not_preempted": spread(alone),
            "waited": sum(self.waited),
            "preempted": sum(self.preempted),
        }


def show_for(station: OpcUa, seconds: float) -> Shows:
    """Show a fresh result every 5 ms."""
    shows = Shows([], [], [], {})
    end = time.monotonic() + seconds
    seq = 0
    while time.monotonic() < end:
        seq += 1
        fresh = view(seq)
        switches = resource.getrusage(resource.RUSAGE_THREAD)
        before = time.perf_counter_ns()
        station.show(fresh)
        shows.took_us.append((time.perf_counter_ns() - before) / 1000)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        shows.waited.append(after.ru_nvcsw > switches.ru_nvcsw)
        shows.preempted.append(after.ru_nivcsw > switches.ru_nivcsw)
        shows.shown_ns[seq] = time.monotonic_ns()
        station.commands()
        time.sleep(PERIOD_S)
    return shows


def subscriber(port: int, pipe: Connection) -> None:
    """In a process of its own: when each number arrived; the monotonic clock of Linux is the same for all processes."""

    class Listener:
        def __init__(self) -> None:
            self.seen_ns: dict[int, int] = {}

        def datachange_notification(self, _: object, value: str | None, __: object) -> None:
            if value is not None:
                self.seen_ns.setdefault(json.loads(value)["seq"], time.monotonic_ns())

    async def listen() -> None:
        from asyncua import Client

        async with Client(f"opc.tcp://127.0.0.1:{port}/lineproof") as client:
            listener = Listener()
            subscription = await client.create_subscription(10, listener)
            await subscription.subscribe_data_change(client.get_node(node_id(NODES[0])), queuesize=200)
            pipe.send("ready")
            await asyncio.to_thread(pipe.recv)
            pipe.send(listener.seen_ns)

    asyncio.run(listen())


def reader(port: int, pipe: Connection) -> None:
    """In a process of its own: read as fast as the server answers."""

    async def read() -> None:
        from asyncua import Client

        async with Client(f"opc.tcp://127.0.0.1:{port}/lineproof") as client:
            nodes = [client.get_node(node_id(name)) for name in NODES]
            pipe.send("ready")
            count = 0
            while not pipe.poll():
                await client.read_attributes(nodes)
                count += 1
            pipe.send(count)

    asyncio.run(read())


def node_id(path: str) -> object:
    """Our namespace is the only one beside those of OPC UA and of the server."""
    from asyncua import ua

    return ua.NodeId(f"cam/{path}", 2)


@contextlib.contextmanager
def clients(work: object, port: int, count: int):
    """Processes that are connected; what they found out is in the list afterwards."""
    found: list[object] = []
    started = []
    context = multiprocessing.get_context("spawn")
    for _ in range(count):
        here, there = context.Pipe()
        process = context.Process(target=work, args=(port, there))
        process.start()
        here.recv()
        started.append((process, here))
    yield found
    for process, pipe in started:
        pipe.send("enough")
        found.append(pipe.recv())
        process.join()


def jobs(station: OpcUa, count: int) -> list[float]:
    """Milliseconds from the call of StartSingleJob to its answer."""
    stop = threading.Event()
    seen = 0

    def decide() -> None:
        nonlocal seen
        station.show(StationView(8, State.READY, ready=True))
        while not stop.is_set():
            for command in station.commands():
                if isinstance(command, Triggered):
                    seen = command.seq
                    station.show(StationView(8, State.SINGLE_EXECUTION, triggered=True, part_id=command.part_id))
                    station.show(StationView(8, State.READY, ready=True, result=PartResult(8, seen, "p", Outcome.PASS)))
            time.sleep(0.002)

    async def ask() -> list[float]:
        from asyncua import Client, ua

        took_ms = []
        async with Client(f"opc.tcp://127.0.0.1:{station.port}/lineproof") as client:
            machine = client.get_node(node_id("VisionStateMachine"))
            method = node_id("VisionStateMachine/StartSingleJob")
            await asyncio.sleep(0.2)
            for number in range(count):
                before = time.perf_counter()
                await machine.call_method(method, f"m{number}", "p", ua.Variant(0, ua.VariantType.UInt32))
                took_ms.append((time.perf_counter() - before) * 1000)
                await asyncio.sleep(0.01)
        return took_ms

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        return asyncio.run(ask())
    finally:
        stop.set()
        thread.join()


def spread(values: list[float]) -> dict[str, float]:
    """p50, p99 and the worst."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "max": round(max(values), 2), "n": len(values)}


def main() -> None:
    """Measure and print."""
    from machine import machine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    about = machine()
    before = time.monotonic()
    settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/lineproof", watchdog_ms=2000)
    station = open_stations(settings, ["cam"])["cam"]
    opened_s = time.monotonic() - before
    alone = show_for(station, asked.seconds)
    with clients(subscriber, station.port, 1) as heard:
        shown_ns = show_for(station, asked.seconds).shown_ns
        time.sleep(0.2)
    with clients(reader, station.port, asked.readers) as reads:
        busy = show_for(station, asked.seconds)
    started_ms = jobs(station, asked.jobs)
    before = time.monotonic()
    station.close()
    (seen_ns,) = heard
    arrived_ms = [(seen_ns[seq] - shown_ns[seq]) / 1e6 for seq in seen_ns if seq in shown_ns]
    document = {
        "what": "OPC UA on the loopback, asyncua's client in processes of their own",
        "machine": about,
        "open_s": round(opened_s, 2),
        "close_s": round(time.monotonic() - before, 3),
        "show_us_alone": alone.facts(),
        f"show_us_with_{asked.readers}_readers": busy.facts(),
        "reads_per_s": round(sum(reads) / asked.seconds),
        "show_passed": busy.facts()["all"]["p99"] < AIM_US,
        "notification_ms_at_10_ms_publishing": spread(arrived_ms),
        "notified_share": round(len(arrived_ms) / len(shown_ns), 3),
        "start_single_job_ms": spread(started_ms),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if asked.out:
        asked.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
