"""From annotated images to a sealed classifier, with the real backbone of lineproof on tiny pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lineproof.adapt.classify.run import Classified, train_classifier
from lineproof.adapt.classify.wish import ClassifyWish
from lineproof.adapt.pipeline import export
from lineproof.adapt.progress import EpochRow
from lineproof.bundle.open import open_bundle
from lineproof.cli.main import app
from lineproof.core import Detections, Sample
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.data.subset import samples_of
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import DatasetError, ImageError, InputError, WeightsError

CLASSES = ("white", "red")
WISH = ClassifyWish(base="lineproof-n", imgsz=64)


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ticks = 0

    def begin(self, epochs: int, done: int, batches: int) -> None: ...

    def epoch(self, row: EpochRow) -> None: ...

    def batch(self) -> None:
        self.ticks += 1

    def say(self, text: str) -> None:
        self.said.append(text)


def draw(folder: Path, kinds: list[tuple[int, ...]], split: str = "train", start: int = 0) -> list[Sample]:
    """One grey picture per entry, with a white (0) and a red (1) square as it says."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for index, classes in enumerate(kinds, start):
        rng = np.random.default_rng(index)
        image = rng.integers(90, 120, (64, 80, 3)).astype(np.uint8)
        boxes = []
        for class_id in classes:
            x, y = int(rng.integers(2, 20)) + 36 * class_id, int(rng.integers(4, 40))
            image[y : y + 18, x : x + 18] = (250, 250, 250) if class_id == 0 else (20, 20, 230)
            boxes.append([x, y, x + 18, y + 18])
        path = folder / f"{split}-{index:03d}.png"
        cv2.imwrite(str(path), image)
        truth = Detections(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes)), np.array(classes, np.int32))
        samples.append(Sample(path, (80, 64), truth, f"{split}{index // 2}", split))
    return samples


def dataset(root: Path, train: list[tuple[int, ...]], val: list[tuple[int, ...]]) -> Dataset:
    drawn = [*draw(root / "drawn", train), *draw(root / "drawn", val, "val", 500)]
    return write_dataset(root / "data", CLASSES, drawn, "test")


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(tmp_path_factory.mktemp("squares"), [(), (0,), (1,), (0, 1)] * 6, [(), (0,), (1,), (0, 1)] * 3)


@pytest.fixture(scope="module")
def linear(squares: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Classified:
    return train_classifier(squares.root, tmp_path_factory.mktemp("run") / "linear", WISH, Told())


def test_sealed_classifier_tells_the_squares(squares, linear):
    assert linear.sealed.evaluation.right.count == 12
    assert linear.sealed.evaluation.mean_average_precision == 1.0
    assert linear.sealed.parity.decision_flips == 0
    assert linear.sealed.parity.max_score_difference < 1e-3
    manifest = open_bundle(linear.folder.bundle).manifest
    assert (manifest.task, manifest.classes, manifest.outputs) == ("classify", CLASSES, "probabilities+heat")
    assert manifest.recipe["head"] == "linear"
    assert manifest.base.name == "lineproof-n"
    assert manifest.dataset.counts == {"train images": 24, "val images": 12, "white": 18, "red": 18}
    assert linear.folder.sheet.is_file()


def test_engine_gives_probabilities_and_heat_of_the_bundle(squares, linear):
    engine = OnnxEngine.open(open_bundle(linear.folder.bundle), "cpu", heat=True)
    (white,) = [s for s in samples_of(squares, "val") if s.truth.class_id.tolist() == [0]][:1]
    image = read_image(white.image)
    found, _ = engine.detect(image)
    scores = dict(zip(found.class_id.tolist(), found.score.tolist(), strict=True))
    assert scores[0] > 0.5 > scores.get(1, 0.0)
    heat = engine.heat(image)["white"]
    x, y = (int(v) for v in white.truth.xyxy[0, :2])
    assert heat.shape == (64, 80)
    assert heat[y : y + 18, x : x + 18].mean() > heat.mean()


def test_record_says_what_was_done(linear):
    record = json.loads(linear.folder.record_file.read_text())
    assert (record["task"], record["head"], record["random_weights"]) == ("classify", "linear", False)
    assert record["dimension"] == 448
    assert record["settings"]["calibrated"] == list(CLASSES)
    assert record["validation"]["right"]["count"] == 12
    with pytest.raises(InputError, match="a fitted classifier"):
        export(linear.folder.root, linear.folder.root / "other", None, Told())


@pytest.mark.parametrize("head", ["knn", "mlp"])
def test_other_heads_seal_without_heat(squares, tmp_path, head):
    done = train_classifier(squares.root, tmp_path / "run", replace(WISH, head=head), Told())
    assert done.sealed.evaluation.right.count >= 11
    assert done.sealed.parity.max_score_difference < 1e-3
    assert open_bundle(done.folder.bundle).manifest.outputs == "probabilities"


def test_one_class_merges_all_defects(squares, tmp_path):
    done = train_classifier(squares.root, tmp_path / "run", replace(WISH, one_class=True), Told())
    manifest = done.sealed.bundle.manifest
    assert manifest.classes == ("defect",)
    assert manifest.dataset.counts["defect"] == 27
    assert done.sealed.evaluation.right.count == 12
    result = CliRunner().invoke(
        app, ["evaluate", str(done.folder.bundle), str(squares.root), "--split", "val", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["right"]["count"] == 12


def test_command_line_trains_and_inspects(squares, tmp_path):
    out = tmp_path / "run"
    asked = ["--task", "classify", "--base", "lineproof-n", "--imgsz", "64", "--json"]
    result = CliRunner().invoke(app, ["train", str(squares.root), "--out", str(out), *asked])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["task"], facts["head"], facts["parity"]["decision_flips"]) == ("classify", "linear", 0)
    images = [str(s.image) for s in samples_of(squares, "val")[:2]]
    seen = CliRunner().invoke(app, ["inspect", str(out / "bundle"), *images, "--json"])
    assert [part["decision"] for part in json.loads(seen.stdout)["inspections"]] == ["PASS", "FAIL"]


def test_rare_and_absent_classes_are_warned_of(tmp_path):
    data = dataset(tmp_path, [()] * 8 + [(0,)], [(), (1,)])
    told = Told()
    done = train_classifier(data.root, tmp_path / "run", WISH, told)
    text = "\n".join(told.said)
    assert "only one train image shows 'white'" in text
    assert "no train image shows 'red': it cannot be learnt and will never be reported" in text
    assert "no val image shows 'white': its thresholds are the defaults" in text
    assert done.record.warnings == tuple(line for line in told.said if line.startswith("warning"))
    engine = OnnxEngine.open(done.sealed.bundle, "cpu")
    red = read_image(samples_of(data, "val")[1].image)
    assert 1 not in engine.detect(red)[0].class_id


@pytest.mark.parametrize(
    ("train", "what"),
    [
        ([()] * 6, "none of its 6 training images shows a defect"),
        ([(0,)] * 6, "each of its 6 training images shows white: nothing to tell it from"),
    ],
)
def test_nothing_to_tell_apart_is_refused(tmp_path, train, what):
    data = dataset(tmp_path, train, [(), (0,)])
    with pytest.raises(DatasetError, match=what):
        train_classifier(data.root, tmp_path / "run", WISH, Told())
    assert not (tmp_path / "run").exists()


def test_images_without_good_parts_are_warned_of(tmp_path):
    data = dataset(tmp_path, [(0,), (1,)] * 5, [(0,), (1,)])
    told = Told()
    train_classifier(data.root, tmp_path / "run", WISH, told)
    assert any("never seen one" in line for line in told.said)


def test_missing_split_is_refused(tmp_path):
    data = write_dataset(tmp_path / "data", CLASSES, draw(tmp_path / "drawn", [(), (0,)] * 3), "test")
    with pytest.raises(DatasetError, match="val"):
        train_classifier(data.root, tmp_path / "run", WISH, Told())


def test_unreadable_image_is_named_and_nothing_left(tmp_path):
    data = dataset(tmp_path, [(), (0,)] * 4, [(), (0,)])
    (data.root / "images" / "train-002.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"train-002\.png: not an image"):
        train_classifier(data.root, tmp_path / "run", WISH, Told())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("wish", "error", "what"),
    [
        (ClassifyWish(base="resnet99"), WeightsError, "no backbone 'resnet99'"),
        (ClassifyWish(base="resnet18"), WeightsError, "weights of resnet18 not found"),
        (ClassifyWish(base="lineproof-n", imgsz=50), InputError, "multiple of 32"),
        (ClassifyWish(base="scratch"), InputError, "frozen features need a network"),
    ],
)
def test_bad_wishes_are_one_line(squares, tmp_path, wish, error, what):
    with pytest.raises(error, match=what) as caught:
        train_classifier(squares.root, tmp_path / "run", wish, Told())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_taken_folder_is_left_alone(squares, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="is there already"):
        train_classifier(squares.root, tmp_path / "run", WISH, Told())
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep"


def test_random_backbone_is_said_in_the_record(squares, tmp_path):
    told = Told()
    done = train_classifier(squares.root, tmp_path / "run", replace(WISH, base="yolov8n:random"), told)
    assert done.record.random_weights
    assert done.sealed.bundle.manifest.base.transferred == "none: random weights"
    assert any("random weights" in line for line in told.said)
    assert any("random weights" in line for line in done.record.warnings)
