"""Contenders that are real processes and need no model: each does what its model's name says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from lineproof.bench.child import Stages, Standing, serve
from lineproof.bench.contenders import Contender, Role
from lineproof.bench.messages import Job, Ready
from lineproof.errors import ProviderError


def fake(name: str, what: str, *, role: Role = "peer", floor: str = "floor") -> Contender:
    """A contender that sleeps so many ms ("2"), or "crashes", "hangs", … at its third call or at its start."""
    job = Job(kind="bare", model=what, threads=1, all_cores=False)
    return Contender(name, role, (sys.executable, str(Path(__file__))), job, floor)


def build(job: Job) -> Standing:
    calls = 0

    def call() -> Stages:
        nonlocal calls
        calls += 1
        if job.model.replace(".", "").isdecimal():
            time.sleep(float(job.model) / 1000)
        elif calls >= 10:
            _misbehave(job.model)
        return {"preprocess": 1.0, "infer": 2.0, "postprocess": 3.0}

    if job.model == "absent":
        raise ProviderError("provider cuda: no such hardware")
    if job.model == "missing":
        import lineproof_has_no_such_module  # noqa: F401
    if job.model == "broken":
        raise RuntimeError("it broke while it was built")
    sys.stdout.write("a greeting that must not be taken for an answer\n")
    return Standing(call, Ready("Fake", "fp32", 7, "a note" if job.model == "2" else ""))


def _misbehave(what: str) -> None:
    if what == "crash":
        sys.stderr.write("loading\n")
        raise ValueError("it fell over")
    if what == "exit":
        os._exit(3)
    if what == "kill":
        os.kill(os.getpid(), 9)
    if what == "hang":
        time.sleep(60)


if __name__ == "__main__":
    serve(build)
