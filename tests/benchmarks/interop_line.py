"""A line for disconnects: its decision loop in a thread of this process, its engine in a process, and what it answered."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from station_rig import line_of, pictures

from lineproof.core import Image, Inspection
from lineproof.core.station import Acknowledged, Command, Outcome, StationView, Triggered
from lineproof.line.conduct.conductor import Conductor
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import News
from lineproof.line.conduct.post import PartRecorder
from lineproof.ports import Controller
from lineproof.records.cycle import Acknowledgement, Cycle

READY_S = 120.0  # the engine's process imports as much as a machine under load lets it
STATION = "s1"
WARM_UP = 20  # parts
Key = tuple[int, int]  # session, seq


class Camera(Sequence[Image]):
    """Pictures without end, each after a pause that may be changed at any moment."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self._shots = pictures(64, 64)

    def __len__(self) -> int:
        return len(self._shots)

    def __getitem__(self, at: int) -> Image:
        return self._shots[at]

    def __iter__(self) -> Iterator[Image]:
        while True:
            for shot in self._shots:
                time.sleep(self.pause_s)
                yield shot


@dataclass(frozen=True, slots=True)
class Answer:
    """One row that the line handed to its records."""

    key: Key
    outcome: Outcome
    latency_ms: float
    is_good: bool  # the picture bears no defect


class Answers:
    """A recorder that keeps what was answered."""

    def __init__(self) -> None:
        self.rows: list[Answer] = []

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        del inspection
        if cycle is not None:
            good = image is not None and int(image[0, 0, 0]) <= 128
            latency_ms = (cycle.result.ns - cycle.triggered.ns) / 1e6
            self.rows.append(Answer((cycle.session, cycle.seq), cycle.outcome, latency_ms, good))

    def acknowledge(self, receipt: Acknowledgement) -> None:
        del receipt

    def figures(self) -> dict[str, object]:
        """Counts; a wrong PASS is one of a picture that bears the defect, or of none."""
        keys = Counter(row.key for row in self.rows)
        return {
            "answers": len(self.rows),
            "outcomes": dict(Counter(row.outcome.value for row in self.rows)),
            "answered_twice": sum(count > 1 for count in keys.values()),
            "wrong_pass": sum(row.outcome is Outcome.PASS and not row.is_good for row in self.rows),
        }


class Hand:
    """A wire inside this process that commands: a part every `period_s`, each result acknowledged at once."""

    def __init__(self, period_s: float, wake: Callable[[], None]) -> None:
        self.period_s = period_s
        self.triggers = 0
        self._wake = wake
        self._asked: deque[Command] = deque()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trigger, name="hand")

    def show(self, view: StationView) -> None:
        if view.ready:
            self._ready.set()
        if view.result is not None:
            self._asked.append(Acknowledged(view.result.seq))

    def commands(self) -> Sequence[Command]:
        return [self._asked.popleft() for _ in range(len(self._asked))]

    def close(self) -> None:
        """Nothing to let go of."""

    def start(self) -> None:
        """Begin with the parts once the station is ready; raises AssertionError when it does not become so."""
        assert self._ready.wait(READY_S), "the line did not become ready"
        self._thread.start()

    def stop(self) -> None:
        """No part after this one."""
        self._over.set()
        self._thread.join()

    def _trigger(self) -> None:
        while not self._over.wait(self.period_s):
            self.triggers += 1
            self._asked.append(Triggered(self.triggers, f"P{self.triggers}"))
            self._wake()


@contextmanager
def running(
    wires: dict[str, Controller],
    inbox: Inbox[News],
    recorders: Sequence[PartRecorder],
    camera: Camera,
    *,
    commanding: str,
    controller_timeout_ms: float = 0,
) -> Iterator[Conductor]:
    """The line of one station with these wires, in real time; closed in the end."""
    facts = {"commanding": commanding, "controller_timeout_ms": controller_timeout_ms}
    conductor = line_of([STATION], {STATION: wires}, inbox, recorders, camera, **facts)
    thread = threading.Thread(target=conductor.run, name="conductor")
    thread.start()
    try:
        yield conductor
    finally:
        conductor.stop()
        thread.join()


def handles() -> dict[str, int]:
    """Open files and threads of this process, which is the line's."""
    return {
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
    }


def spread_ms(values: Sequence[float]) -> dict[str, float]:
    """Of seconds: median, 99th percentile and largest, in ms."""
    p50, p99 = np.percentile(values, [50, 99])
    found = {"n": len(values), "p50": p50, "p99": p99, "max": np.max(values)}
    return {name: round(1e3 * float(value), 3) if name != "n" else value for name, value in found.items()}


def latencies_ms(answers: Answers, undisturbed: int) -> dict[str, object]:
    """Trigger to answer of parts that were inspected: of the first so many answers, without warm-up, and of the rest."""
    inspected = (Outcome.PASS, Outcome.FAIL)
    first, rest = answers.rows[WARM_UP:undisturbed], answers.rows[undisturbed:]
    return {
        name: spread_ms([row.latency_ms / 1e3 for row in rows if row.outcome in inspected])
        for name, rows in (("undisturbed", first), ("disconnects", rest))
    }


def wait_for(condition: Callable[[], object], timeout_s: float = 20.0, what: str = "it") -> None:
    """Poll every ms; raises TimeoutError."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(0.001)
