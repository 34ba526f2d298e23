"""A station that answers one trigger after the other: memory, files and threads over a million frames.

Frames of 640×480 from memory, a stub engine in its real process, a wire that triggers the next part as soon as it has read
an answer. Resident memory of the line and of its engine is sampled; the slope is fitted after a tenth of the run, and its
upper 95 % bound is held against 32 bytes a frame (fault list, R-25).

    python tests/benchmarks/station_soak.py --frames 1000000 --out tests/benchmarks/results/station_soak_DATE.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import machine
from scipy import stats
from station_rig import Watch, line_of, pictures

from lineproof.core.station import Acknowledged, Command, Outcome, StationView, Triggered
from lineproof.line.conduct.inbox import Inbox

LIMIT_BYTES = 32.0
WARM_UP = 0.1
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Sample:
    """At one moment."""

    frames: int
    line_bytes: int
    engine_bytes: int
    files: int
    threads: int


class Asker:
    """A wire whose controller wants the next part as soon as it has read the last answer."""

    def __init__(self, frames: int, every: int, wake: Callable[[], None]) -> None:
        self.stop: Callable[[], None] = lambda: None
        self.samples: list[Sample] = []
        self.engine_pid: Callable[[], int] = lambda: 0
        self.outcomes: dict[str, int] = {outcome.value: 0 for outcome in Outcome}
        self._frames, self._every = frames, every
        self._wake = wake
        self._asked: deque[Command] = deque()
        self._seq = self._counted = 0

    def show(self, view: StationView) -> None:
        """A result that is new is read, and the next part asked for; so is the first, once the station is ready."""
        result = view.result
        if result is not None and result.seq == self._seq != self._counted:
            self._counted = self._seq
            self.outcomes[result.outcome.value] += 1
            self._next(Acknowledged(self._seq))
        elif self._seq == 0 and view.ready:
            self._next()

    def commands(self) -> Sequence[Command]:
        """Drained."""
        return [self._asked.popleft() for _ in range(len(self._asked))]

    def close(self) -> None:
        """Nothing to let go of."""

    def _next(self, *before: Command) -> None:
        if self._seq % self._every == 0:
            self.samples.append(sample(self._seq, self.engine_pid()))
        if self._seq == self._frames:
            self.stop()
            return
        self._seq += 1
        self._asked.extend((*before, Triggered(self._seq, f"P{self._seq}")))
        self._wake()


def sample(frames: int, engine_pid: int) -> Sample:
    """Of this process and the engine's."""
    return Sample(
        frames,
        resident("self"),
        resident(str(engine_pid)) if engine_pid else 0,
        len(list(Path("/proc/self/fd").iterdir())),
        len(list(Path("/proc/self/task").iterdir())),
    )


def resident(pid: str) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def slope(samples: Sequence[Sample], what: str) -> dict[str, float]:
    """Bytes a frame with its upper 95 % bound, after the warm-up."""
    kept = samples[int(len(samples) * WARM_UP) :]
    fit = stats.linregress([s.frames for s in kept], [getattr(s, what) for s in kept])
    error = 0.0 if np.isnan(fit.stderr) else fit.stderr  # where nothing changed at all
    upper = fit.slope + stats.t.ppf(0.95, len(kept) - 2) * error
    return {"bytes_a_frame": round(float(fit.slope), 3), "upper_95": round(float(upper), 3)}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    about, inbox = machine(), Inbox()
    asker = Asker(options.frames, max(1, options.frames // 200), inbox.wake)
    watch = Watch(keep=False)
    conductor = line_of(["s1"], {"s1": {"modbus": asker}}, inbox, [watch], pictures(640, 480), deadline_ms=5000)
    asker.stop = conductor.stop
    asker.engine_pid = engine_pid
    begun = time.monotonic()
    conductor.run()
    seconds = time.monotonic() - begun
    line, engine = slope(asker.samples, "line_bytes"), slope(asker.samples, "engine_bytes")
    last, first = asker.samples[-1], asker.samples[int(len(asker.samples) * WARM_UP)]
    figures = {
        "machine": about,
        "frames": options.frames,
        "seconds": round(seconds, 1),
        "frames_a_second": round(options.frames / seconds, 1),
        "outcomes": asker.outcomes,
        "line": line,
        "engine": engine,
        "within": line["upper_95"] <= LIMIT_BYTES and engine["upper_95"] <= LIMIT_BYTES,
        "resident_mib": {"line": round(last.line_bytes / 2**20, 1), "engine": round(last.engine_bytes / 2**20, 1)},
        "files": [first.files, last.files],
        "threads": [first.threads, last.threads],
        "engine_restarts": conductor.room.restarts,
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


def engine_pid() -> int:
    """The process that this one started for its engine: the youngest child that is no tracker."""
    pids = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return max(
        (int(pid) for pid in pids if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()), default=0
    )


if __name__ == "__main__":
    main()
