"""Suspected label errors with real features, and the verb."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import texture, truth
from lineproof.adapt.features import open_backbone
from lineproof.adapt.suspects.opinions import box_features, out_of_fold
from lineproof.cli.data_suspects import suspects
from lineproof.core import Sample
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.data.suspects.folds import group_folds
from lineproof.data.suspects.from_classes import class_suspects
from lineproof.data.suspects.suspect import ranked
from lineproof.errors import DatasetError, InputError, LineproofError, SettingsError

app = typer.Typer()
app.command()(suspects)
CLASSES = ("scratch", "pit", "stain")


def draw(picture: np.ndarray, class_id: int, x: int, y: int, rng: np.random.Generator) -> tuple[float, ...]:
    """A bright line, a dark disc or a red blot; returns its row of truth."""
    side = int(rng.integers(14, 24))
    if class_id == 0:
        cv2.line(picture, (x, y), (x + side, y + side), (245, 245, 245), 2, cv2.LINE_AA)
    elif class_id == 1:
        cv2.circle(picture, (x + side // 2, y + side // 2), side // 2, (15, 15, 15), -1, cv2.LINE_AA)
    else:
        cv2.ellipse(picture, (x + side // 2, y + side // 2), (side // 2, side // 3), 0, 0, 360, (30, 30, 200), -1)
    return (x, y, x + side, y + side, class_id)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """40 parts with two defects each, classes in turn."""
    root, rng, samples = tmp_path_factory.mktemp("drawn"), np.random.default_rng(0), []
    for i in range(40):
        picture = texture(i, (128, 64))
        rows = [draw(picture, (i + side) % 3, 6 + 64 * side, int(rng.integers(4, 36)), rng) for side in (0, 1)]
        path = root / f"{i:02d}.png"
        cv2.imwrite(str(path), picture)
        samples.append(Sample(path, (128, 64), truth(*rows), f"g{i}", "train" if i % 5 else "val"))
    return write_dataset(root / "data", CLASSES, samples, "test")


def with_swapped(data: Dataset, every: int) -> tuple[list[Sample], set[tuple[Path, int]]]:
    """Every n-th image gets another class on its first box."""
    samples, swapped = [], set()
    for i, sample in enumerate(data.samples):
        ids = sample.truth.class_id.copy()
        if i % every == 0:
            ids[0] = (ids[0] + 1) % len(CLASSES)
            swapped.add((sample.image, 0))
        samples.append(replace(sample, truth=replace(sample.truth, class_id=ids)))
    return samples, swapped


def test_swapped_classes_come_first(drawn: Dataset):
    """5 of 80 boxes: all of them among the first seven, seen by the base that comes with lineproof."""
    samples, swapped = with_swapped(drawn, every=8)
    assert len(swapped) == 5
    features = box_features(samples, open_backbone("lineproof-n", imgsz=64))
    opinions = out_of_fold(samples, features, group_folds(samples, 3, 4, 0), 3)
    assert opinions.judged.all()
    assert np.allclose(opinions.probabilities.sum(axis=1), 1)
    listed = ranked(class_suspects(opinions.boxes, opinions.probabilities, opinions.judged, CLASSES), 100)
    keys = [(s.sample.image, s.row) for s in listed]
    assert set(keys[:5]) & swapped == set(keys[:5]), "precision at 5"
    assert swapped <= set(keys[:7]), "recall at 7"
    assert len(listed) < 15, "what is right is mostly left alone"
    original = {s.image: s.truth.class_id for s in drawn.samples}
    assert all(s.suggested == CLASSES[original[s.sample.image][s.row]] for s in listed[:5])


def test_a_class_of_one_part_is_not_judged(drawn: Dataset):
    """Whoever is asked about it has never seen one: that would say nothing about the label."""
    rare = [replace(s, truth=replace(s.truth, class_id=s.truth.class_id % 2)) for s in drawn.samples]
    ids = np.array([2, rare[0].truth.class_id[1]])
    rare[0] = replace(rare[0], truth=replace(rare[0].truth, class_id=ids))
    features = box_features(rare, open_backbone("lineproof-n", imgsz=64))
    opinions = out_of_fold(rare, features, group_folds(rare, 3, 4, 0), 3)
    assert [(s.group, row) for (s, row), judged in zip(opinions.boxes, opinions.judged, strict=True) if not judged] == [
        ("g0", 0)
    ]


def call(*args: str):
    return CliRunner().invoke(app, list(args), catch_exceptions=False)


def test_the_verb_writes_a_list_and_pictures(drawn: Dataset, tmp_path: Path):
    samples, swapped = with_swapped(drawn, every=8)
    data = write_dataset(tmp_path / "data", CLASSES, samples, "test")
    out = tmp_path / "out"
    result = call(str(data.root), "--out", str(out), "--imgsz", "64", "--folds", "4", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts == json.loads((out / "suspects.json").read_text("utf-8"))
    names = {image.name for image, _ in swapped}
    assert {row["image"] for row in facts["suspects"][:5]} == names
    assert all("looks like" in row["reason"] for row in facts["suspects"])
    assert len((out / "suspects.csv").read_text("utf-8").splitlines()) == 1 + len(facts["suspects"])
    assert cv2.imread(facts["sheets"][0]) is not None
    text = call(str(data.root), "--out", str(out), "--imgsz", "64", "--split", "val", "--folds", "3").stdout
    assert "among 16 boxes" in text
    assert "--detector also finds missing" in text


def test_what_is_wrong_is_said_before_anything_is_made(drawn: Dataset, tmp_path: Path):
    good = [replace(s, truth=truth()) for s in drawn.samples[:6]]
    ok = write_dataset(tmp_path / "ok", CLASSES, good, "test")
    few = write_dataset(tmp_path / "few", CLASSES, drawn.samples[:3], "test")
    out = tmp_path / "out"
    cases = [
        (["nowhere"], DatasetError, "nowhere"),
        ([str(ok.root)], DatasetError, "no box is annotated"),
        ([str(few.root)], DatasetError, "3 groups of 3 images for 5 folds"),
        ([str(drawn.root), "--split", "test"], DatasetError, "no image in split 'test'"),
        ([str(drawn.root), "--base", "yolov9x-nothing"], InputError, "yolov9x-nothing"),
        ([str(drawn.root), "--imgsz", "99"], InputError, "imgsz 99"),
        ([str(drawn.root), "--detector", "--recipe", "fastest"], SettingsError, "no recipe 'fastest'"),
        ([str(drawn.root), "--detector", "--folds", "2"], InputError, "2 folds are too few for detectors – --folds 3"),
    ]
    for args, kind, words in cases:
        error = CliRunner().invoke(app, [*args, "--out", str(out)]).exception
        assert isinstance(error, LineproofError), (args, error)
        assert isinstance(error, kind), args
        assert words in str(error)
        assert not out.exists(), args


def test_one_class_cannot_be_mistaken(drawn: Dataset, tmp_path: Path):
    samples = [replace(s, truth=replace(s.truth, class_id=s.truth.class_id * 0)) for s in drawn.samples]
    data = write_dataset(tmp_path / "one", CLASSES[:1], samples, "test")
    result = call(str(data.root), "--out", str(tmp_path / "out"))
    assert "0 suspects among 80 boxes" in result.stdout
    assert "one class only" in result.stdout


@pytest.mark.train
def test_detectors_are_trained_out_of_fold_and_kept(drawn: Dataset, tmp_path: Path):
    recipe, out = tmp_path / "tiny.yaml", tmp_path / "out"
    recipe.write_text("imgsz: 64\nepochs: 1\npatience: 1\nbatch: 8\nnominal_batch: 8\naugment: none\n", "utf-8")
    args = [str(drawn.root), "--out", str(out), "--imgsz", "64", "--folds", "3", "--detector", "--device", "cpu"]
    args += ["--recipe", str(recipe), "--detector-base", "lineproof-n", "--json"]
    facts = json.loads(call(*args).stdout)
    assert facts["notes"] == []
    runs = [out / "detectors" / f"fold-{i}" / "run.json" for i in (1, 2, 3)]
    stamps = [run.stat().st_mtime_ns for run in runs]
    records = [json.loads(run.read_text("utf-8")) for run in runs]
    assert len({record["split_hash"] for record in records}) == 3
    again = json.loads(call(*args).stdout)
    assert [run.stat().st_mtime_ns for run in runs] == stamps, "finished detectors are not trained again"
    assert again["suspects"] == facts["suspects"]
