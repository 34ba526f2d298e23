from __future__ import annotations

import builtins
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lineproof.adapt.augment import Augmentation
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.resume import TrainingState, load_state, save_state
from lineproof.adapt.run_folder import RunFolder, RunRecord, check_same_data, split_hash
from lineproof.data.dataset import Dataset
from lineproof.errors import InputError

STATE = TrainingState(
    epochs_done=2,
    model={"w": torch.arange(4.0)},
    average={"w": torch.ones(4)},
    average_updates=7,
    optimiser={"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 0.001, "params": [0]}]},
    scaler={},
    best_fitness=0.5,
    best_epoch=1,
    schedule={"steps": 14.0, "seconds": 3.5, "validations_since_best": 3.0},
)


def record_of(dataset: Dataset) -> RunRecord:
    return RunRecord(
        dataset=str(dataset.root),
        dataset_hash=dataset.content_hash,
        split_hash=split_hash(dataset),
        task="detect",
        classes=dataset.classes,
        architecture="yolov8n",
        class_width=64,
        base_asked="scratch",
        base=None,
        augmentation=Augmentation(transforms=()),
        recipe=Recipe(),
    )


def test_a_new_run_wants_an_empty_folder(tmp_path: Path):
    RunFolder.fresh(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "x").touch()
    with pytest.raises(InputError, match=r"is there already – go on with --resume"):
        RunFolder.fresh(tmp_path / "a" / "b")
    with pytest.raises(InputError, match="is there already"):
        RunFolder.fresh(tmp_path / "a" / "b" / "x")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        RunFolder.fresh(tmp_path / "file" / "run")


def test_a_record_survives_and_can_be_updated(boxes: Dataset, tmp_path: Path):
    folder = RunFolder.fresh(tmp_path / "run")
    folder.write(record_of(boxes))
    folder.update(best_epoch=3, status="trained")
    again = RunFolder.existing(tmp_path / "run").read()
    assert again == record_of(boxes).model_copy(
        update={"best_epoch": 3, "status": "trained", "started_at": again.started_at}
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}'])
def test_a_damaged_record_is_named(text: str, tmp_path: Path):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: not a run record"):
        RunFolder.existing(tmp_path).read()


def test_other_data_are_refused(boxes: Dataset):
    record = record_of(boxes)
    check_same_data(record, boxes)
    with pytest.raises(InputError, match="not the data this run began with"):
        check_same_data(record, replace(boxes, content_hash="sha256:other"))
    with pytest.raises(InputError, match="not the data this run began with"):
        check_same_data(record, replace(boxes, classes=("red", "white")))


def test_a_new_split_is_refused(boxes: Dataset):
    moved = replace(boxes.samples[0], split="val")
    with pytest.raises(InputError, match="was split anew"):
        check_same_data(record_of(boxes), replace(boxes, samples=(moved, *boxes.samples[1:])))


def test_a_state_survives_exactly(tmp_path: Path):
    save_state(tmp_path / "state" / "last.pt", STATE)
    again = load_state(tmp_path / "state" / "last.pt")
    assert (again.epochs_done, again.best_fitness, again.finished) == (2, 0.5, False)
    assert torch.equal(again.model["w"], STATE.model["w"])
    assert again.optimiser["param_groups"] == STATE.optimiser["param_groups"]
    assert [p.name for p in (tmp_path / "state").iterdir()] == ["last.pt"]


@pytest.mark.parametrize("data", [b"", b"junk", b"PK\x03\x04"])
def test_a_damaged_state_is_named(data: bytes, tmp_path: Path):
    (tmp_path / "last.pt").write_bytes(data)
    with pytest.raises(InputError, match=r"last\.pt: not the state of a training run"):
        load_state(tmp_path / "last.pt")


def test_a_state_with_other_content_is_refused(tmp_path: Path):
    torch.save({"epochs_done": 3}, tmp_path / "last.pt")
    with pytest.raises(InputError, match="not the state of a training run"):
        load_state(tmp_path / "last.pt")


class _Call:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return builtins.eval, (f"__import__('pathlib').Path({str(self.canary)!r}).touch()",)


@pytest.mark.parametrize("bare", [True, False])
def test_a_hostile_state_executes_nothing(bare: bool, tmp_path: Path):
    canary, file = tmp_path / "canary", tmp_path / "last.pt"
    if bare:
        file.write_bytes(pickle.dumps(_Call(canary), protocol=2))
    else:
        torch.save({"model": _Call(canary)}, file)
    with pytest.raises(InputError, match="not the state"):
        load_state(file)
    assert not canary.exists()
