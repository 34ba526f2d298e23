"""`lineproof data gap` as a person calls it, on drawn parts and through the network that comes with lineproof."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import dataset, expose, parts, save, texture
from lineproof.cli.data_gap import gap
from lineproof.data.dataset import with_splits
from lineproof.data.groups import groups_from_pattern
from lineproof.errors import DatasetError, InputError, WeightsError

app = typer.Typer()
app.command()(gap)
SHOTS = 2


def run(*argv: object, code: int = 0):
    argv = (*argv, "--base", "lineproof-n", "--permutations", 200)
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def answer(*argv: object, code: int = 0):
    return json.loads(run(*argv, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixteen parts, two shots each, half of them for the test."""
    root = tmp_path_factory.mktemp("gap")
    made = dataset(root, parts(root / "drawn", 16, shots=SHOTS))
    names = [made.name_of(sample) for sample in made.samples]
    splits = {name: "train" if int(name[4:6]) % 2 else "test" for name in names}
    return with_splits(made, splits, groups_from_pattern(r"(part\d+)_", names))


@pytest.fixture(scope="module")
def darker(tmp_path_factory) -> Path:
    """Twelve other parts under less light, in a plain folder."""
    folder = tmp_path_factory.mktemp("darker")
    for seed in range(100, 112):
        save(folder / f"{seed}.png", expose(texture(seed), 0.35))
    return folder


def test_train_against_test_of_one_source(data):
    found = answer(data.root, data.root, "--split-a", "train", "--split-b", "test")
    assert found["a"] == {"name": "dataset train", "images": 16, "groups": 8}
    assert found["p"] > 0.05
    assert found["verdict"] in ("no difference found", "alike to the network")  # measured light differs by chance
    assert found["outside"]["count"] == len(found["images_outside"])


def test_a_darker_plant_is_told_in_words_and_pictures(data, darker, tmp_path):
    out = tmp_path / "out"
    text = run(data.root, darker, "--out", out).stdout
    assert "very different" in text
    assert "light differs, B is darker" in text
    assert "Annotate the images outside first" in text
    facts = json.loads((out / "gap.json").read_text("utf-8"))
    assert facts["p"] <= 0.01
    assert facts["auc"] > 0.95
    assert facts["outside"]["count"] >= 6
    rows = list(csv.DictReader((out / "outside.csv").read_text("utf-8").splitlines()))
    assert len(rows) == facts["outside"]["count"]
    assert {Path(row["image"]).parent for row in rows} == {darker}
    assert {Path(row["nearest_in_a"]).parent for row in rows} == {data.root / "images"}
    far = [float(row["times_limit"]) for row in rows]
    assert far == sorted(far, reverse=True)
    assert cv2.imread(str(out / "outside.png")).std() > 10
    plane = cv2.imread(str(out / "plane.png")).astype(int)
    for colour in ((0xAA, 0x77, 0x44), (0x33, 0x77, 0xEE)):  # BGR of A and B, through their own transparency
        assert (np.abs(plane - colour).sum(-1) < 60).sum() > 20


def test_a_sheet_of_an_earlier_call_does_not_stay(data, darker, tmp_path):
    (tmp_path / "outside.png").write_bytes(b"of before")
    (tmp_path / "same").mkdir()
    for seed in range(200, 212):
        save(tmp_path / "same" / f"{seed}.png", expose(texture(seed), 0.75))
    found = answer(data.root, tmp_path / "same", "--out", tmp_path)
    assert ("sheet" in found["files"]) == (tmp_path / "outside.png").is_file() == (found["outside"]["count"] > 0)


def test_the_gate(data, darker):
    refused = run(data.root, darker, "--fail-above", 0.8, code=1)
    assert "above 0.8" in refused.stdout
    passed = answer(data.root, data.root, "--split-a", "train", "--split-b", "test", "--fail-above", 0.8)
    assert passed["gate"] == {"fail_above": 0.8, "passed": True}


def test_copies_of_a_part_are_one_group_even_in_a_plain_folder(darker, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    for picture in darker.iterdir():
        for copy in range(3):
            shutil.copy(picture, folder / f"{picture.stem}-{copy}.png")
    other = tmp_path / "other"
    for seed in range(300, 312):
        save(other / f"{seed}.png", expose(texture(seed), 0.35))
    found = answer(folder, other)
    assert found["a"] == {"name": "copies", "images": 36, "groups": 12}
    assert found["p"] > 0.05


def test_a_damaged_image_is_left_out_and_named(data, darker, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(darker, folder)
    (folder / "cut.png").write_bytes((folder / "100.png").read_bytes()[:300])
    result = run(data.root, folder, "--json")
    assert "cut.png" in json.loads(result.stdout)["unreadable"][0]
    assert json.loads(result.stdout)["b"]["images"] == 12
    assert "left out" in result.stderr


def test_what_cannot_be_compared(data, darker, tmp_path):
    with pytest.raises(InputError, match="the same images twice"):
        run(darker, darker)
    with pytest.raises(InputError, match="16 images in both"):
        run(data.root, data.root, "--split-b", "test")
    with pytest.raises(DatasetError, match="no image in split 'val'"):
        run(data.root, darker, "--split-a", "val")
    with pytest.raises(InputError, match="no dataset, so it has no split"):
        run(data.root, darker, "--split-b", "test")
    few = tmp_path / "few"
    for seed in range(7):
        save(few / f"{seed}.png", texture(seed))
    with pytest.raises(InputError, match="7 images, too few"):
        run(data.root, few)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="a file, not a folder"):
        run(data.root, darker, "--out", tmp_path / "file")
    result = CliRunner().invoke(app, [str(data.root), str(darker), "--base", "resnett"])
    assert isinstance(result.exception, WeightsError)
