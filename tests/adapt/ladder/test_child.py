"""The process of a round's trials: what it says, when it ends, and what is made of its death."""

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
from lineproof.adapt.ladder.candidate import TrialSpec
from lineproof.adapt.ladder.child import LineProgress, read_until_parent_ends
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
        {"done": 2, "epochs": 4, "text": "box mAP50 0.250  box_loss 1.500"},
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


def test_it_reads_trials_and_ends_with_whoever_started_it():
    read, write = os.pipe()
    left = threading.Event()
    with os.fdopen(read) as stdin:
        lines = read_until_parent_ends(stdin, lambda _: left.set())
        os.write(write, b"one\ntwo\n")
        assert [lines.get(timeout=20), lines.get(timeout=20)] == ["one\n", "two\n"]
        assert not left.is_set()
        os.close(write)
        assert left.wait(20)


def as_child(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another process in its place: it gets the same input, and dies as told."""
    start = subprocess.Popen
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **rest: start([sys.executable, "-c", script], **rest))


def spec_of(out: Path, rung: str = "a") -> TrialSpec:
    return plan(rung).spec(out, f"{rung}-yolov8n-64", 0, 1 / 3, last=False)


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
    with TrialProcess(threads=1) as process:
        result = process.run(spec_of(tmp_path), lambda _: None)
    assert result.status == "failed"
    assert result.reason.startswith(reason)
    assert result.again
    assert read_result(tmp_path / "trials" / result.key) is None


def test_events_come_through_and_the_spec_goes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, "import sys, json; print(json.dumps({'say': json.loads(sys.stdin.readline())['seed']}))")
    told = []
    with TrialProcess(threads=1) as process:
        process.run(spec_of(tmp_path), told.append)
    assert told == [{"say": 0}]


# Two lines of input at most, and dead on the second when told so; every trial says which process it is in.
SERVES = """
import json, os, pathlib, sys
for turn, line in enumerate(sys.stdin):
    spec = json.loads(line)
    if spec["seed"] == 9 and turn:
        os._exit(3)
    result = {"key": pathlib.Path(spec["folder"]).name, "status": "done", "device": str(os.getpid())}
    pathlib.Path(spec["folder"], "trial.json").write_text(json.dumps(result))
    print(json.dumps({"over": result["key"]}), flush=True)
"""


def test_trials_share_a_process_and_none_outlives_the_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, SERVES)
    told = Told()
    results = ProcessRunner(workers=1, cores=1).run([spec_of(tmp_path, rung) for rung in "abc"], told)
    assert [result.key[0] for result in results] == list("abc")
    assert len({result.device for result in results}) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(results[0].device), 0)
    assert [line.split()[0] for line in told.said] == ["started", "ended"] * 3


def test_after_a_death_the_next_trial_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, SERVES)
    specs = [spec_of(tmp_path, rung) for rung in "abc"]
    specs[1] = specs[1].model_copy(update={"seed": 9})
    first, second, third = ProcessRunner(workers=1, cores=1).run(specs, Told())
    assert (second.status, second.reason, second.again) == ("failed", "ended with exit code 3", True)
    assert (first.status, third.status) == ("done", "done")
    assert first.device != third.device


def test_past_its_time_no_trial_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    as_child(monkeypatch, "raise SystemExit('started')")
    specs = [spec_of(tmp_path, rung) for rung in "ab"]
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
    specs = [spec_of(tmp_path, rung) for rung in "ab"]
    with pytest.raises(KeyboardInterrupt):
        ProcessRunner(workers=2, cores=2).run(specs, Up())
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
