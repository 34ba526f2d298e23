"""Training itself, on images so small that an epoch takes a second."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import pytest
import torch

from lineproof.adapt import begin, finetune, pipeline, schedule, sealing, trainer
from lineproof.adapt.bases import start_from
from lineproof.adapt.begin import Wish
from lineproof.adapt.export_wish import ExportWish
from lineproof.adapt.finetune import read_metrics
from lineproof.adapt.frozen_prefix import FrozenPrefix
from lineproof.adapt.network import read_safetensors
from lineproof.adapt.own_base import export_base
from lineproof.adapt.progress import EpochRow
from lineproof.adapt.recipe import Geometry, Recipe, load_recipe
from lineproof.adapt.resume import load_state
from lineproof.adapt.stages import Stage
from lineproof.adapt.visibility_check import Visibility
from lineproof.bundle.open import open_bundle
from lineproof.bundle.reduced_decoding import ReducedDecoding
from lineproof.cli.train import _text
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import GateError, InputError

pytestmark = pytest.mark.train

# Mosaic is closed in the middle and masks are learnt from the start: resume has to cross every switch there is.
RECIPE = Recipe(
    imgsz=64,
    epochs=4,
    batch=4,
    nominal_batch=8,
    warmup_steps=2,
    augment="mild",
    geometry=Geometry(mosaic=0.5, close_mosaic=0.25),
    seed=5,
)


@dataclass
class Told:
    """Remembers what it was told; raises KeyboardInterrupt where a person would press Ctrl-C."""

    stop_after_epoch: int = 10_000
    stop_after_batch: int = 10_000
    rows: list[EpochRow] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    batches: int = 0

    def begin(self, epochs: int, done: int, batches: int) -> None:
        self.said.append(f"begin {epochs} {done} {batches}")

    def batch(self) -> None:
        self.batches += 1
        if self.batches >= self.stop_after_batch:
            raise KeyboardInterrupt

    def epoch(self, row: EpochRow) -> None:
        self.rows.append(row)
        if row.epoch >= self.stop_after_epoch:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.said.append(text)


def wish(**changes: object) -> Wish:
    return Wish(RECIPE.model_copy(update=changes), base="scratch", device="cpu")


@pytest.fixture(scope="module")
def whole(boxes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    patch = pytest.MonkeyPatch()
    patch.setattr(trainer, "cpu_threads", lambda: 1)
    out = tmp_path_factory.mktemp("runs") / "whole"
    pipeline.train(boxes.root, out, wish(), Told())
    patch.undo()
    return out


def test_a_run_leaves_everything_it_should(whole: Path, boxes: Dataset):
    bundle = open_bundle(whole / "bundle")
    assert bundle.manifest.task == "detect"
    assert bundle.manifest.classes == boxes.classes
    assert bundle.manifest.input_wh == (64, 64)
    assert bundle.manifest.dataset.content_hash == boxes.content_hash
    assert bundle.manifest.recipe["epochs"] == 4
    assert bundle.manifest.parity.decision_flips == 0
    assert bundle.manifest.reduced_decoding == ()
    record = json.loads((whole / "run.json").read_text())
    assert record["status"] == "sealed"
    assert record["base"] is None
    assert [row.epoch for row in read_metrics(whole / "metrics.jsonl")] == [1, 2, 3, 4]
    for picture in ("curves.png", "validation.png"):
        assert cv2.imread(str(whole / picture)).shape[0] > 100
    assert not list(whole.glob("**/*.part"))


def test_the_sealed_engine_inspects_a_part(whole: Path, boxes: Dataset):
    engine = OnnxEngine.open(open_bundle(whole / "bundle"), "cpu")
    found, _ = engine.detect(read_image(boxes.samples[0].image))
    assert found.xyxy.shape[1] == 4


def test_the_same_seed_gives_the_same_weights(whole: Path, boxes: Dataset, tmp_path: Path):
    told = Told(stop_after_epoch=1)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(boxes.root, tmp_path / "again", wish(), told)
    first = read_metrics(whole / "metrics.jsonl")[0]
    assert told.rows[0].losses == pytest.approx(first.losses, rel=1e-5)


@pytest.mark.parametrize("stop", [{"stop_after_epoch": 2}, {"stop_after_batch": 8}], ids=["after", "within"])
def test_an_interrupted_run_ends_as_the_uninterrupted_one(
    stop: dict[str, int], whole: Path, boxes: Dataset, tmp_path: Path
):
    out = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(boxes.root, out, wish(), Told(**stop))
    assert load_state(out / "state" / "last.pt").epochs_done == 2
    told = Told()
    pipeline.resume(boxes.root, out, "cpu", told)
    assert [row.epoch for row in told.rows] == [3, 4]
    for got, want in zip(read_metrics(out / "metrics.jsonl"), read_metrics(whole / "metrics.jsonl"), strict=True):
        assert got.losses == pytest.approx(want.losses, rel=1e-3)
        assert got.fitness == pytest.approx(want.fitness, abs=1e-3)
    got, want = (load_state(run / "state" / "last.pt") for run in (out, whole))
    for key, tensor in want.average.items():
        torch.testing.assert_close(got.average[key], tensor, rtol=1e-3, atol=1e-4)


def test_a_run_cut_in_its_first_epoch_starts_over_on_resume(whole: Path, boxes: Dataset, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(boxes.root, tmp_path / "cut", wish(), Told(stop_after_batch=1))
    told = Told(stop_after_epoch=1)
    with pytest.raises(KeyboardInterrupt):
        pipeline.resume(boxes.root, tmp_path / "cut", "cpu", told)
    assert told.rows[0].losses == pytest.approx(read_metrics(whole / "metrics.jsonl")[0].losses, rel=1e-5)


def test_a_finished_run_is_not_trained_again(whole: Path, boxes: Dataset):
    told = Told()
    before = (whole / "metrics.jsonl").read_bytes()
    pipeline.resume(boxes.root, whole, "cpu", told)
    assert told.rows == []
    assert (whole / "metrics.jsonl").read_bytes() == before


def test_a_run_can_be_exported_again_with_any_smaller_input(whole: Path, boxes: Dataset, tmp_path: Path):
    done = pipeline.export(whole, tmp_path / "bundle", None, Told(), ExportWish(dynamic=True))
    assert done.sealed.bundle.manifest.input.dynamic
    other = write_dataset(tmp_path / "d", boxes.classes, boxes.samples[:-1], "test")
    with pytest.raises(InputError, match="not the data this run began with"):
        pipeline.export(whole, tmp_path / "b2", other.root, Told())


def test_what_decoding_smaller_costs_is_sealed_and_said(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    facts = {"reduction": 2, "images": 40, "map50_full": 0.81, "map50_reduced": 0.8}
    rows = (ReducedDecoding(**facts, decision_flips=0, allowed=True),)
    monkeypatch.setattr(sealing, "measure_reduced_decoding", lambda *_: rows)
    done = pipeline.export(whole, tmp_path / "bundle", None, Told())
    assert open_bundle(tmp_path / "bundle").manifest.reduced_decoding == rows
    line = "  JPEG decoded at 1/2: 0 of 40 decisions changed, mAP50 0.800 (in full 0.810), allowed"
    assert line in _text(done).splitlines()


def test_the_weights_of_a_run_can_be_a_base(whole: Path, boxes: Dataset, tmp_path: Path):
    facts = export_base(whole, tmp_path / "own.safetensors")
    assert facts["bytes"] < 7_000_000
    weights = read_safetensors(tmp_path / "own.safetensors")
    assert weights.licence == "Apache-2.0"
    assert json.loads(weights.facts["recipe"])["epochs"] == 4
    for key, tensor in read_safetensors(whole / "best.safetensors").state.items():
        torch.testing.assert_close(weights.state[key], tensor, rtol=2e-3, atol=1e-3)
    with pytest.raises(InputError, match="is there already"):
        export_base(whole, tmp_path / "own.safetensors")
    with pytest.raises(InputError, match=r"is a \.safetensors file"):
        export_base(whole, tmp_path / "own.pt")


def test_masks_are_trained_sealed_and_found(masks: Dataset, tmp_path: Path):
    done = pipeline.train(masks.root, tmp_path / "run", wish(epochs=1), Told())
    assert done.record.task == "segment"
    assert done.sealed.bundle.manifest.task == "segment"
    row = read_metrics(tmp_path / "run" / "metrics.jsonl")[0]
    assert row.losses["seg_loss"] > 0
    assert row.mask_map50 is not None


def test_training_touches_no_network_and_starts_no_program(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calls: list[str] = []

    def refuse(name: str) -> object:
        def call(*_: object, **__: object) -> None:
            calls.append(name)
            raise OSError(f"{name} is forbidden here")

        return call

    for owner, name in (
        (socket.socket, "connect"),
        (socket.socket, "connect_ex"),
        (socket.socket, "sendto"),
        (socket, "getaddrinfo"),
        (socket, "create_connection"),
        (subprocess, "Popen"),
        (os, "system"),
    ):
        monkeypatch.setattr(owner, name, refuse(name))
    pipeline.train(boxes.root, tmp_path / "run", wish(epochs=1), Told())
    assert calls == []


def test_without_the_augmentation_asked_for_nothing_is_trained(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from ultralytics.data import augment

    def broken(*_: object, **__: object) -> None:
        raise ValueError("a parameter this version does not know")

    monkeypatch.setattr(
        begin, "check_visible", lambda *_, **__: Visibility(64, (), (), ())
    )  # it looks through a Compose of its own
    # ultralytics logs what its Compose raised and goes on without any augmentation
    monkeypatch.setattr("albumentations.Compose", broken)
    assert augment.Albumentations(transforms=[]).transform is None
    told = Told()
    with pytest.raises(GateError, match="could not build what the preset asks for"):
        pipeline.train(boxes.root, tmp_path / "run", wish(), told)
    assert told.batches == 0
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_line_and_the_epoch_before_stays(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, state: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        pipeline.train(boxes.root, tmp_path / "run", wish(epochs=2), Told(stop_after_epoch=1))
    monkeypatch.setattr(finetune, "save_state", full)
    with pytest.raises(InputError, match=r"run: cannot be written \(No space left on device\) – make room"):
        pipeline.resume(boxes.root, tmp_path / "run", "cpu", Told())
    assert load_state(tmp_path / "run" / "state" / "last.pt").epochs_done == 1


def test_too_little_memory_halves_the_batch_and_goes_on(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = trainer._Loop._forward_backward

    def hungry(self: trainer._Loop, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if len(batch["img"]) > 1:
            raise torch.OutOfMemoryError("tried to allocate 2.00 GiB")
        return real(self, batch)

    monkeypatch.setattr(trainer._Loop, "_forward_backward", hungry)
    told = Told()
    done = pipeline.train(boxes.root, tmp_path / "run", wish(imgsz=128, epochs=1), told)
    assert done.record.recipe.batch == 1
    assert done.record.recipe.nominal_batch == RECIPE.nominal_batch
    said = [line for line in told.said if "memory" in line]
    assert said == [
        "warning: not enough memory for batches of 4 images: going on with 2",
        "warning: not enough memory for batches of 2 images: going on with 1",
    ]


def test_too_little_memory_for_one_image_is_one_line(boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def hungry(self: object, batch: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2.00 GiB")

    monkeypatch.setattr(trainer._Loop, "_forward_backward", hungry)
    with pytest.raises(InputError, match="not enough memory for one image of 64 px"):
        pipeline.train(boxes.root, tmp_path / "run", wish(), Told())
    assert not (tmp_path / "run").exists()


def _diverges_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = trainer._Loop._forward_backward
    seen = [0]

    def diverged(self: trainer._Loop, batch: dict[str, object]) -> dict[str, torch.Tensor]:
        seen[0] += 1
        factor = float("nan") if seen[0] > batches else 1.0
        return {name: value * factor for name, value in real(self, batch).items()}

    monkeypatch.setattr(trainer._Loop, "_forward_backward", diverged)


def test_a_loss_that_is_no_number_stops_the_run(boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _diverges_after(0, monkeypatch)
    with pytest.raises(GateError, match="training diverged in epoch 1"):
        pipeline.train(boxes.root, tmp_path / "run", wish(), Told())


def test_a_loss_that_is_no_number_later_keeps_the_best_network_so_far(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _diverges_after(7, monkeypatch)  # three batches an epoch: in the third
    told = Told()
    done = pipeline.train(boxes.root, tmp_path / "run", wish(), told)
    assert done.record.status == "sealed"
    assert done.record.best_epoch in (1, 2)
    assert [line for line in told.said if "diverged in epoch 3" in line and "keeping epoch" in line]
    assert load_state(tmp_path / "run" / "state" / "last.pt").finished


STAGES = (
    Stage(name="heads", train=("heads",), share=0.5),
    Stage(name="all", share=0.5, rates={"stem": 0.1}),
)


@pytest.mark.parametrize("parts", ["boxes", "masks"])
def test_frozen_parts_stay_as_they_are_until_their_stage(
    parts: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    dataset: Dataset = request.getfixturevalue(parts)
    told = Told(stop_after_epoch=2)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(dataset.root, tmp_path / "run", wish(stages=STAGES), told)
    task = "segment" if parts == "masks" else "detect"
    fresh = start_from("scratch", task, dataset.classes, seed=RECIPE.seed).network.state_dict()
    state = load_state(tmp_path / "run" / "state" / "last.pt").model
    assert {name.split(".")[1] for name in _moved(fresh, state)} == {"22"}
    assert told.said[-1].startswith("stage heads: learning heads: ")
    later = Told()
    pipeline.resume(dataset.root, tmp_path / "run", "cpu", later)
    assert [row.stage for row in told.rows + later.rows] == ["heads", "heads", "all", "all"]
    end = load_state(tmp_path / "run" / "state" / "last.pt").model
    assert {name.split(".")[1] for name in _moved(state, end)} >= {"0", "2", "9", "15", "22"}


def _moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> list[str]:
    return [name for name, tensor in before.items() if not torch.equal(tensor.float(), after[name].float())]


def test_a_still_image_passes_the_frozen_body_once(boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    runs = []
    real = FrozenPrefix._run_prefix
    monkeypatch.setattr(
        FrozenPrefix, "_run_prefix", lambda self, images: runs.append(len(images)) or real(self, images)
    )
    recipe = load_recipe("heads").model_copy(update={"imgsz": 64, "epochs": 3, "batch": 4, "nominal_batch": 4})
    pipeline.train(boxes.root, tmp_path / "run", Wish(recipe, base="scratch", device="cpu"), Told())
    assert sum(runs) == 12


def test_a_run_of_minutes_ends_on_time(boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A clock that moves half a second with every look at it."""
    now = [0.0]

    def look() -> float:
        now[0] += 0.5
        return now[0]

    monkeypatch.setattr(schedule.time, "monotonic", look)
    told = Told()
    pipeline.train(boxes.root, tmp_path / "run", wish(epochs=None, minutes=1.0), told)
    assert told.rows[-1].epochs == told.rows[-1].epoch
    assert told.rows[-1].fitness is not None
    assert load_state(tmp_path / "run" / "state" / "last.pt").finished


def test_patience_ends_a_run_that_no_longer_gets_better(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trainer._DetectLoop, "validate", lambda _: ({}, 0.5))
    told = Told()
    done = pipeline.train(boxes.root, tmp_path / "run", wish(patience=1), told)
    assert [row.epoch for row in told.rows] == [1, 2]
    assert done.record.best_epoch == 1


def test_other_images_are_refused_on_resume(boxes: Dataset, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(boxes.root, tmp_path / "run", wish(), Told(stop_after_batch=1))
    fewer = write_dataset(tmp_path / "d", boxes.classes, boxes.samples[:-1], "test")
    with pytest.raises(InputError, match="not the data this run began with"):
        pipeline.resume(fewer.root, tmp_path / "run", "cpu", Told())


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # ultralytics leaves the damaged file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_image_the_trainer_drops_is_named(boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its header is whole, so only the trainer sees the damage – and would go on without it."""
    copy = write_dataset(tmp_path / "d", boxes.classes, boxes.samples, "test")
    victim = copy.samples[2].image
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises((InputError, GateError), match=r"part-02\.png"):
        pipeline.train(copy.root, tmp_path / "run", wish(), Told())
    assert not (tmp_path / "run").exists()


def test_classes_without_images_are_said(boxes: Dataset, tmp_path: Path):
    more = write_dataset(tmp_path / "d", (*boxes.classes, "ghost"), boxes.samples, "test")
    told = Told(stop_after_batch=1)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(more.root, tmp_path / "run", wish(), told)
    assert "warning: no train image shows 'ghost': it cannot be learnt" in told.said


def test_augmentation_that_erases_defects_is_refused_before_anything_is_written(boxes: Dataset, tmp_path: Path):
    preset = tmp_path / "glare.yaml"
    preset.write_text("transforms: [{name: SpecularHighlight, p: 0.1, count: [3, 3], size: [0.2, 0.3], peak: [2, 2]}]")
    with pytest.raises(GateError, match="augmentation SpecularHighlight hides"):
        pipeline.train(boxes.root, tmp_path / "run", wish(augment=str(preset)), Told())
    assert not (tmp_path / "run").exists()


def test_a_run_with_every_effect_and_pasted_defects_goes_through(masks: Dataset, tmp_path: Path):
    told = Told()
    changes = {"augment": "harsh", "paste": 1.0, "epochs": 2, "geometry": Geometry(mosaic=0.5, close_mosaic=1)}
    done = pipeline.train(masks.root, tmp_path / "run", wish(**changes), told)
    assert len(told.rows) == 2
    assert any(line.startswith("augmentation harsh: defects stay visible") for line in told.said)
    assert done.record.recipe.paste == 1.0
