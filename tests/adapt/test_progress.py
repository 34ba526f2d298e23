from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from lineproof.adapt import progress
from lineproof.adapt.progress import EpochRow, LiveProgress, PlainProgress

ROW = EpochRow(2, 4, {"box_loss": 1.25, "sem_loss": 0.0}, 0.001, 8.0, 2.0, map50=0.5, map50_95=0.25, fitness=0.25)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()


def test_one_line_an_epoch_with_losses_map_and_the_time_left(clock: list[float]):
    console = Console(file=io.StringIO(), width=200)
    told = PlainProgress(console)
    told.begin(epochs=4, done=0, batches=5)
    clock[0] += 60
    told.epoch(ROW)
    assert lines(console) == ["epoch 2/4  box mAP50 0.500  box_loss 1.250  10.0 s, 1:00 left"]


def test_the_time_left_of_a_resumed_run_is_by_its_own_pace(clock: list[float]):
    console = Console(file=io.StringIO(), width=200)
    told = PlainProgress(console)
    told.begin(epochs=4, done=1, batches=5)
    clock[0] += 5400
    told.epoch(ROW)
    assert lines(console)[0].endswith("3:00:00 left")


def test_the_bar_moves_with_every_batch(clock: list[float]):
    console = Console(file=io.StringIO(), width=160, force_terminal=True)
    with LiveProgress(console) as told:
        told.begin(epochs=4, done=0, batches=2)
        told.say("base yolov8n: 349 of 355 tensors transferred")
        for _ in range(4):
            clock[0] += 10
            told.batch()
        told.epoch(ROW)
    shown = console.file.getvalue()
    assert "349 of 355" in shown
    assert "epoch 3/4" in shown
    assert "50%" in shown
    assert "box mAP50 0.500" in shown
    assert "0:40 left" in shown


def test_text_in_brackets_is_not_taken_for_markup(clock: list[float]):
    console = Console(file=io.StringIO(), width=200)
    PlainProgress(console).say("base runs[1]/best.safetensors")
    assert lines(console) == ["base runs[1]/best.safetensors"]


def test_a_row_is_one_json_object():
    assert EpochRow(**json.loads(json.dumps(ROW.as_dict()))) == ROW
