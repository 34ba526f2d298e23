"""A contender's own process: told its job, then asked for turns. Started as `python -m lineproof.bench.child`.

One process each, so that CPU time, memory and thread pools are its own. Two sessions in one process measure each other:
the spinning pool of one takes the cores of the next, which changed figures of two threads by 30 %.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lineproof.bench.messages import Job, Ready, Turn
from lineproof.errors import LineproofError

Stages = dict[str, float]  # milliseconds by stage; empty where the contender cannot tell


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender that stands: one call, and what to say of it."""

    call: Callable[[], Stages]
    ready: Ready


def serve(build: Callable[[Job], Standing]) -> None:
    """Read a job from stdin, build it, then answer every number of calls with their times until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its children
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # libraries greet on stdout, which is for answers
    job = Job.from_json(sys.stdin.readline())
    try:
        standing = build(job)
    except (ImportError, LineproofError) as error:
        answers.write(Ready(not_run=_why(error)).to_json() + "\n")
        return
    answers.write(standing.ready.to_json() + "\n")
    for line in sys.stdin:
        answers.write(take_turn(standing.call, int(line)).to_json() + "\n")


def take_turn(call: Callable[[], Stages], calls: int) -> Turn:
    """One untimed call to be awake, then `calls` timed ones."""
    call()
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    cpu = time.process_time()
    for _ in range(calls):
        started = time.perf_counter()
        parts = call()
        times.append(1e3 * (time.perf_counter() - started))
        for name, ms in parts.items():
            stages.setdefault(name, []).append(ms)
    cpu_ms = 1e3 * (time.process_time() - cpu) / calls
    held, peak = memory_mib()
    return Turn(times, stages, cpu_ms, held, peak)


def memory_mib(status: Path = Path("/proc/self/status")) -> tuple[float | None, float | None]:
    """Resident memory of this process, now and at most; unknown where the system is not Linux."""
    if not status.exists():
        return None, None
    facts = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    held, peak = (int(facts[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return held, peak


def _why(error: ImportError | LineproofError) -> str:
    if isinstance(error, ImportError):
        return f"{(error.name or str(error)).split('.')[0]} is not installed"
    return str(error)


if __name__ == "__main__":
    from lineproof.bench.runners import build

    serve(build)
