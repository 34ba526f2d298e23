"""The process of one trial: what it says, when it ends, and what is made of its death."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapt.ladder.scripted_trials import Told, plan
from lineproof.adapt.ladder import processes
from lineproof.adapt.ladder.child import LineProgress, end_with_parent
from lineproof.adapt.ladder.figures import read_result
from lineproof.adapt.ladder.processes import ProcessRunner, TrialProcess
from lineproof.adapt.progress import EpochRow


def events(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_progress_is_a_line_of_json_each():
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.begin(4, 1, 10)
    progress.epoch(EpochRow(2, 4, {"box_loss": 1.5}, 0.001, 3.0, map50=0.25))
    progress.say("exporting")
    assert events(stream) == [
        {"done": 1, "epochs": 4},
        {"done": 2, "epochs": 4, "text": "box_loss 1.500  box mAP50 0.250"},
        {"say": "exporting"},
    ]


def test_batches_are_told_now_and_then_only(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr("lineproof.adapt.ladder.child.time.monotonic", lambda: now)
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.begin(2, 0, 10)
    for _ in range(5):
        progress.batch()
    now = 1.0
    progress.batch()
    assert [event["done"] for event in events(stream)] == [0, 0.6]


def test_it_ends_with_whoever_started_it():
    read, write = os.pipe()
    left = threading.Event()
    with os.fdopen(read) as stdin:
        thread = end_with_parent(stdin, lambda _: left.set())
        assert not left.is_set()
        os.close(write)
        thread.join(20)
    assert left.is_set()


def as_child(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another process in its place: it gets the same input, and dies as told."""
    start = subprocess.Popen
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **rest: start([sys.executable, "-c", script], **rest))


def trial(out: Path) -> TrialProcess:
    return TrialProcess(plan("a").spec(out, "a-yolov8n-64", 0, 0.25, last=False), threads=1)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed by the system (signal 9), most often because memory ran out"),
        ("import os; os.kill(os.getpid(), 11)", "killed by signal 11"),
        ("raise SystemExit('no such library')", "ended with exit code 1: no such library"),
        ("print('not json')", "left no figures"),
    ],
)
def test_a_death_is_a_row_that_is_tried_again(
    script: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    as_child(monkeypatch, script)
    result = trial(tmp_path).run(lambda _: None)
    assert result.status == "failed"
    assert result.reason.startswith(reason)
    assert result.again
    assert read_result(tmp_path / "trials" / result.key) is None


def test_events_come_through_and_the_spec_goes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, "import sys, json; print(json.dumps({'say': json.loads(sys.stdin.readline())['seed']}))")
    told = []
    trial(tmp_path).run(told.append)
    assert told == [{"say": 0}]


def test_past_its_time_no_trial_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, "raise SystemExit('started')")
    specs = [plan("a", "b").spec(tmp_path, f"{rung}-yolov8n-64", 0, 0.25, last=False) for rung in "ab"]
    told = Told()
    results = ProcessRunner(workers=1, cores=1).run(specs, told, until_s=0.0)
    assert [(result.status, result.reason) for result in results] == [("stopped", "out of time")] * 2
    assert told.said == []


def test_an_interruption_ends_every_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, 'import sys; print(\'{"say": "up"}\', flush=True); sys.stdin.read()')
    started: list[subprocess.Popen[str]] = []
    start = processes.subprocess.Popen

    def remembered(*args: object, **rest: object) -> subprocess.Popen[str]:
        started.append(start(*args, **rest))
        return started[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", remembered)
    up = threading.Barrier(3)

    class Up(Told):
        def moved(self, key: str, event: dict[str, object]) -> None:
            super().moved(key, event)
            up.wait(60)

    def ctrl_c(*_: object, **__: object) -> None:
        up.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "wait", ctrl_c)
    specs = [plan("a", "b").spec(tmp_path, f"{rung}-yolov8n-64", 0, 0.25, last=False) for rung in "ab"]
    with pytest.raises(KeyboardInterrupt):
        ProcessRunner(workers=2, cores=2).run(specs, Up())
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
