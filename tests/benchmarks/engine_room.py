"""What inference in a process of its own adds to a part, and how long a line is without an engine when that process ends.

The same frame is inspected in this process and through the engine room, in turn, with pauses as between parts; the engine
is a stub, so nearly all of the time is the way there and back. Alone on the machine, please.

    python tests/benchmarks/engine_room.py --out tests/benchmarks/results/engine_room_DATE.json
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import machine

from builders import PROVENANCE
from lineproof.core import Detections, Frame, Image, StageTimes
from lineproof.core.budget import RestartBudget
from lineproof.inspector import Inspector
from lineproof.line.engine_room.events import Job, Lost, Ready, RoomEvent
from lineproof.line.engine_room.room import EngineRoom

FAR_NS = 10**19
WARM = 50  # calls that are not counted
HUNG_MS = 300.0
TURN_S = 0.05  # of the decision loop
SIZES = ((640, 480), (1280, 960))
STATIONS = 4
COLUMNS = ("in_process", "submit", "heard", "room", "in_process_cpu", "room_cpu")


class Stub:
    """Finds nothing at once; `reads` every pixel before, as an engine has to."""

    classes = ("scratch",)
    provider = "stub"
    input_wh = (64, 64)

    def __init__(self, *, reads: bool, ms: float = 0.0) -> None:
        self._reads = reads
        self._ms = ms

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Nothing."""
        if self._reads:
            image.max()
        time.sleep(self._ms / 1e3)
        return Detections.empty(), StageTimes()


def build(*, reads: bool, ms: float = 0.0) -> dict[int, Inspector]:
    """In either process."""
    return {0: Inspector(Stub(reads=reads, ms=ms), (), PROVENANCE)}


def room_with(inbox: queue.SimpleQueue[tuple[int, RoomEvent]], *, reads: bool, ms: float = 0.0) -> EngineRoom:
    """Ready, with slots for the smaller frames: they grow to the larger ones."""
    room = EngineRoom(
        partial(build, reads=reads, ms=ms),
        frame_bytes=640 * 480 * 3,
        slots=8,
        hung_ms=HUNG_MS,
        budget=RestartBudget(1000, 1),
        heard=lambda event: inbox.put((time.perf_counter_ns(), event)),
    )
    room.start()
    assert isinstance(inbox.get()[1], Ready)
    return room


def latency(wh: tuple[int, int], calls: int, *, reads: bool) -> dict[str, object]:
    """Milliseconds of a call both ways, and what the room adds to the same call beside it."""
    inbox: queue.SimpleQueue[tuple[int, RoomEvent]] = queue.SimpleQueue()
    room, inspector = room_with(inbox, reads=reads), build(reads=reads)[0]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (wh[1], wh[0], 3), np.uint8) for _ in range(8)]
    rows = []
    for turn in range(calls + WARM):
        frame = Frame(images[turn % len(images)], part_id=f"part-{turn}", source_id="camera")
        time.sleep(random.uniform(0.001, 0.004))
        times = {}
        if turn == WARM:
            child_s = cpu_s(room._process.pid)
        for way in random.sample(("room", "in_process"), 2):
            started, cpu = time.perf_counter_ns(), time.process_time_ns()
            if way == "in_process":
                inspector.inspect(frame)
            else:
                assert room.submit(Job("station", turn, frame, FAR_NS))
                times["submit"] = time.perf_counter_ns() - started
                times["heard"] = inbox.get()[0] - started
            times[way] = time.perf_counter_ns() - started
            times[f"{way}_cpu"] = time.process_time_ns() - cpu
        rows.append([times[name] / 1e6 for name in COLUMNS])
    child_s = cpu_s(room._process.pid) - child_s
    room.close()
    columns = dict(zip(COLUMNS, np.array(rows[WARM:]).T, strict=True))
    walls = {f"{name}_ms": spread(columns[name]) for name in ("in_process", "submit", "heard", "room")}
    return {
        "wh": wh,
        "engine_reads_pixels": reads,
        "calls": calls,
        **walls,
        "added_ms": spread(columns["room"] - columns["in_process"]),
        "cpu_ms_mean": {
            "in_process": round(float(columns["in_process_cpu"].mean()), 3),
            "room_line": round(float(columns["room_cpu"].mean()), 3),
            "room_engine": round(1e3 * child_s / calls, 3),
        },
    }


def cpu_s(pid: int) -> float:
    """User and system time of a process, in steps of 10 ms."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def shares(calls: int, ms: float) -> dict[str, object]:
    """Stations that all want the engine at once: parts a second, and whether each had its share."""
    inbox: queue.SimpleQueue[tuple[int, RoomEvent]] = queue.SimpleQueue()
    room = room_with(inbox, reads=True, ms=ms)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), part_id="part", source_id="camera")
    done = dict.fromkeys(range(STATIONS), 0)
    # One station asks for three parts at a time, the others for one.
    for key in (0, 0, 0, *range(1, STATIONS)):
        assert room.submit(Job(key, 0, frame, FAR_NS))
    started = time.perf_counter()
    for _ in range(calls):
        _, event = inbox.get()
        done[event.job.key] += 1
        assert room.submit(Job(event.job.key, 0, frame, FAR_NS))
    took = time.perf_counter() - started
    room.close()
    return {"engine_ms": ms, "parts_per_s": round(calls / took, 1), "parts_by_station": list(done.values())}


def ends(times: int) -> dict[str, object]:
    """Milliseconds until the line knows, and until another engine is ready: killed, and stopped as if it hung."""
    inbox: queue.SimpleQueue[tuple[int, RoomEvent]] = queue.SimpleQueue()
    room = room_with(inbox, reads=True)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), part_id="part", source_id="camera")
    figures: dict[str, object] = {"times": times, "hung_ms": HUNG_MS, "turn_ms": TURN_S * 1e3}
    for name, number in (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP)):
        lost, ready = [], []
        for _ in range(times):
            os.kill(room._process.pid, number)
            started = time.perf_counter_ns()
            room.submit(Job("station", 1, frame, FAR_NS))
            for kind, found in ((Lost, lost), (Ready, ready)):
                at, event = supervised(room, inbox)
                assert isinstance(event, kind), event
                found.append((at - started) / 1e6)
        figures[f"{name}_to_lost_ms"], figures[f"{name}_to_ready_ms"] = spread(np.array(lost)), spread(np.array(ready))
    room.close()
    return figures


def supervised(room: EngineRoom, inbox: queue.SimpleQueue[tuple[int, RoomEvent]]) -> tuple[int, RoomEvent]:
    """The next event, as a decision loop waits for it."""
    while True:
        room.supervise()
        try:
            return inbox.get(timeout=TURN_S)
        except queue.Empty:
            continue


def spread(values: np.ndarray) -> dict[str, float]:
    """The least disturbed tenth, median, 99th percentile, largest."""
    at = {f"p{percent}": round(float(np.percentile(values, percent)), 3) for percent in (10, 50, 99)}
    return at | {"max": round(float(values.max()), 3)}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--ends", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    figures: dict[str, object] = {"what": "inference in its own process beside a call in this one", **machine()}
    figures["latency"] = [latency(wh, asked.calls, reads=reads) for reads in (False, True) for wh in SIZES]
    figures["shares"] = shares(asked.calls, 2.0)
    figures["ends"] = ends(asked.ends)
    figures["load_average_after"] = round(os.getloadavg()[0], 2)
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
