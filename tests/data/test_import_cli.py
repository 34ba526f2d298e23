"""`lineproof data import`: what it prints, its JSON, its one-line errors."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from lineproof.cli.data_import import import_
from lineproof.errors import DatasetError
from source_folders import coco, voc_xml, write_picture, write_text, yolo

app = typer.Typer()
app.command("import")(import_)

BOX = "0 0.5 0.5 0.25 0.5\n"


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_it_says_what_it_recognised_and_counts(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX, "b": ""})
    result = run(src, "--out", tmp_path / "out", "--split", f"train={write_text(tmp_path / 't.txt', 'a')}")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "recognised yolo: images with label files and classes.txt",
        "2 images (1 good parts) in 2 groups, 1 defects as boxes",
        "  scratch  1",
        "  dent     0",
        "splits: train 1 images/1 defects, (none) 1 images/0 defects",
        "note: no defect of dent",
        "note: 1 image in no --split list: without a split",
        f"dataset: {tmp_path / 'out'}",
    ]


def test_json_is_one_object(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX})
    for number in range(12):
        write_picture(src / "images" / f"x{number}.jpg")
    result = run(src, "--out", tmp_path / "out", "--json", "--unlabelled", "skip", "--classes", "dent, scratch")
    told = json.loads(result.stdout)
    assert (told["format"], told["images"], told["ok_images"]) == ("yolo", 1, 0)
    assert told["classes"] == {"dent": 0, "scratch": 1}
    assert told["splits"] == {"(none)": {"images": 1, "defects": 1}}
    assert len(told["unlabelled"]["images"]) == 12
    assert told["content_hash"].startswith("sha256:")


def test_a_long_list_is_cut_for_people(tmp_path: Path) -> None:
    src = yolo(tmp_path / "src", {"a": BOX})
    for number in range(12):
        write_picture(src / "images" / f"x{number}.jpg")
    lines = run(src, "--out", tmp_path / "out", "--unlabelled", "ok").stdout.splitlines()
    assert "without annotation, taken as good parts: 12" in lines
    assert "  … and 2 more" in lines


def wrong_path(root: Path) -> Path:
    return root / "absent"


def empty_folder(root: Path) -> Path:
    root.mkdir()
    return root


def a_zip(root: Path) -> Path:
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        archive.writestr("a", "b")
    return root.with_suffix(".zip")


def a_file(root: Path) -> Path:
    return write_text(root / "a.json", "{}")


def two_formats(root: Path) -> Path:
    coco(root, [], images=1)
    write_text(root / "0.xml", voc_xml("0.jpg", ("crack", 1, 2, 3, 4)))
    return root


def nothing_annotated(root: Path) -> Path:
    return write_picture(root / "a.jpg").parent


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (wrong_path, "no such folder – check the path"),
        (empty_folder, "the folder is empty – check the path"),
        (a_zip, "is a zip file, a folder is needed – unpack it first"),
        (a_file, "is a file, a folder is needed"),
        (two_formats, "say which: --format coco"),
        (nothing_annotated, "no annotations recognised"),
    ],
)
def test_wrong_sources_end_in_one_line_and_leave_nothing(tmp_path: Path, build: type, message: str) -> None:
    result = run(build(tmp_path / "src"), "--out", tmp_path / "out")
    assert isinstance(result.exception, DatasetError)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_help_has_an_example() -> None:
    assert "Example:" in run("--help").stdout
