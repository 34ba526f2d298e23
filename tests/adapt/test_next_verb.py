"""`lineproof data next` as a person calls it, with the tiny bundle that scores by colour."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drawn_dataset import expose, texture
from lineproof.cli.data_next import next_
from lineproof.core import Detections, Sample
from lineproof.data.dataset import write_dataset
from lineproof.errors import BundleError, DatasetError, InputError
from tiny_bundle import CELL, SIZE, tiny_bundle

app = typer.Typer()
app.command()(next_)
UNSURE, SURE, NOTHING = 180, 255, None  # blue of a cell: 0.71 is between review (0.6) and score (0.8)


def run(*argv: object, code: int = 0):
    argv = (*argv, "--base", "lineproof-n")
    result = CliRunner().invoke(app, [str(arg) for arg in argv], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def answer(*argv: object):
    return json.loads(run(*argv, "--json").stdout)


def picture(seed: int, blue: int | None) -> np.ndarray:
    """A dark textured part, with one cell of this blue or none."""
    image = (texture(seed, (SIZE, SIZE)) // 2).astype(np.uint8)
    if blue is not None:
        image[CELL : 2 * CELL, CELL : 2 * CELL] = (blue, 0, 0)
    return image


def save(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    tiny_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Nine parts: three the model doubts, three it is sure of, three without anything."""
    for kind, blue in (("unsure", UNSURE), ("sure", SURE), ("nothing", NOTHING)):
        for index in range(3):
            save(tmp_path / "pool" / f"{kind}-{index}.png", picture(10 * index + len(kind), blue))
    return tmp_path / "pool"


def test_the_doubtful_come_first_with_reasons_and_a_sheet(bundle, pool, tmp_path):
    out = tmp_path / "out"
    text = run(bundle, pool, "--count", 5, "--out", out, "--provider", "cpu").stdout
    rows = list(csv.DictReader((out / "next.csv").read_text("utf-8").splitlines()))
    assert [Path(row["image"]).name[:6] for row in rows[:3]] == ["unsure"] * 3
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[0]["uncertainty"]) > 0.7
    assert float(rows[4]["uncertainty"]) < 0.01
    assert rows[0]["reason"].startswith("doubts blue 0.71 (for review from 0.60 to 0.80)")
    assert "5 of 9 images to annotate next" in text
    assert [row["image"] for row in json.loads((out / "next.json").read_text("utf-8"))] == [r["image"] for r in rows]
    sheet = cv2.imread(str(out / "next.png")).astype(int)
    assert (np.abs(sheet - (0, 165, 255)).max(-1) < 40).sum() > 100  # boxes and legend of class 0


def test_what_is_annotated_is_not_offered_and_near_duplicates_once(bundle, pool, tmp_path):
    known = save(tmp_path / "drawn" / "known.png", texture(77, (128, 96)))
    save(pool / "annotated-again.png", expose(texture(77, (128, 96)), 0.8))
    save(pool / "twice-a.png", texture(78, (128, 96)))
    save(pool / "twice-b.png", expose(texture(78, (128, 96)), 0.8))
    data = write_dataset(tmp_path / "data", ("blue",), [Sample(known, (128, 96), Detections.empty(), "g")], "test")
    found = answer(bundle, pool, "--count", 50, "--out", tmp_path / "out", "--dataset", data.root)
    names = [Path(pick["image"]).name for pick in found["picks"]]
    assert found["near_annotated"] == 1
    assert "annotated-again.png" not in names
    assert len([name for name in names if name.startswith("twice")]) == 1
    assert len(names) == 10
    assert all(pick["distance"] is not None for pick in found["picks"])


def test_without_a_bundle_only_variety_counts(pool, tmp_path):
    shutil.rmtree(pool)
    for index in range(12):
        save(pool / f"grey-{index}.png", picture(index, NOTHING))
    save(pool / "odd.png", np.tile(np.array([[[0, 0, 255]], [[0, 255, 255]]], np.uint8), (32, 64, 1)))
    found = answer(pool, "--count", 2, "--out", tmp_path / "out")
    assert Path(found["picks"][1]["image"]).name == "odd.png"
    assert found["picks"][0]["distance"] is None
    assert "unlike anything" in found["picks"][1]["reason"]
    assert "doubt" not in found["picks"][1]["reason"]


def test_a_training_run_brings_its_bundle_and_its_dataset(bundle, pool, tmp_path):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    bundle.rename(run_folder / "bundle")
    data = write_dataset(
        tmp_path / "data",
        ("blue",),
        [Sample(save(tmp_path / "k.png", picture(500, NOTHING)), (SIZE, SIZE), Detections.empty(), "g")],
        "test",
    )
    write_run_record(run_folder, data)
    found = answer(run_folder, pool, "--count", 3, "--out", tmp_path / "out")
    assert found["annotated"] == str(data.root)
    shutil.rmtree(data.root)
    gone = run(run_folder, pool, "--count", 3, "--out", tmp_path / "out", "--json")
    assert "name it with --dataset" in gone.stderr
    assert json.loads(gone.stdout)["annotated"] is None


def write_run_record(folder: Path, data) -> None:
    from lineproof.adapt.augment import load_augmentation
    from lineproof.adapt.recipe import load_recipe
    from lineproof.adapt.run_folder import RunFolder, RunRecord

    RunFolder(folder).write(
        RunRecord(
            dataset=str(data.root),
            dataset_hash=data.content_hash,
            split_hash="",
            task="detect",
            classes=data.classes,
            architecture="yolov8n",
            class_width=80,
            base_asked="scratch",
            base=None,
            augmentation=load_augmentation("none"),
            recipe=load_recipe("quick"),
        )
    )


def test_a_damaged_image_is_left_out_and_named(bundle, pool, tmp_path):
    (pool / "cut.png").write_bytes((pool / "sure-0.png").read_bytes()[:100])
    result = run(bundle, pool, "--count", 50, "--out", tmp_path / "out", "--json")
    assert "cut.png" in json.loads(result.stdout)["unreadable"][0]
    assert len(json.loads(result.stdout)["picks"]) == 9
    assert "left out" in result.stderr


def test_bad_calls(bundle, pool, tmp_path):
    with pytest.raises(InputError, match="3 paths given"):
        run(bundle, pool, pool, "--out", tmp_path / "out")
    with pytest.raises(DatasetError, match="no such folder"):
        run(bundle, tmp_path / "nowhere", "--out", tmp_path / "out")
    with pytest.raises(BundleError):
        run(pool, pool, "--out", tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="a file, not a folder"):
        run(bundle, pool, "--out", tmp_path / "file")
    shutil.rmtree(pool)
    save(pool / "cut.png", picture(0, NOTHING)).write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match="no image that can be read"):
        run(bundle, pool, "--out", tmp_path / "out")
