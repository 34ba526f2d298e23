"""`lineproof records` over what `lineproof run` recorded: list, show, verify, and every image inspected again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import cv2
import pytest
import yaml

from lineproof.cli import main as cli
from tiny_bundle import part, tiny_bundle

PARTS = [
    part(),
    part((1, 2, (255, 0, 0))),
    part((1, 2, (180, 0, 0))),
    part((0, 0, (0, 200, 255)), (3, 3, (230, 200, 0))),
]


def call(capsys, *args: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main([*map(str, args)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A plant that has inspected four good and bad parts, and a file that is no image."""
    plant = tmp_path_factory.mktemp("plant")
    tiny_bundle(plant / "bundle")
    (plant / "parts").mkdir()
    for number, pixels in enumerate(PARTS, 1):
        cv2.imwrite(str(plant / "parts" / f"part-{number}.png"), pixels)
    (plant / "parts" / "part-9.png").write_bytes(b"no image")
    facts = {
        "name": "press-3",
        "bundle": "bundle",
        "provider": "cpu",
        "source": {"kind": "folder", "path": "parts"},
        "line": {"trigger": "each_frame", "deadline_ms": 10_000},
        "rules": {"default": {"min_area_px2": 9}},
        "records": {"folder": "records", "images": {"pass_every": 1}},
    }
    (plant / "line.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", str(plant / "line.yaml"), "--quiet"])
    assert ended.value.code == 0
    return plant


@pytest.fixture
def plant(recorded, tmp_path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "plant"))


def change(plant: Path, statement: str) -> None:
    with sqlite3.connect(plant / "records" / "records.db") as connection:
        connection.execute(statement)
    connection.close()


def replay(capsys, plant: Path, *args: str | Path) -> tuple[int, str, str]:
    return call(capsys, "records", "replay", plant / "records", *args)


def test_every_record_replays_identically(recorded, capsys):
    code, out, err = replay(capsys, recorded, "1", "2", "3", "4", "--line", recorded / "line.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "record 1 (part part-1, PASS): identical",
        "record 2 (part part-2, FAIL): identical",
        "record 3 (part part-3, REVIEW): identical",
        "record 4 (part part-4, FAIL): identical",
    ]
    code, out, _ = replay(capsys, recorded, "4", "--line", recorded / "line.yaml", "--json")
    told = json.loads(out)
    assert told["same"]
    (one,) = told["replays"]
    assert (one["identical"], one["max_score_difference"], one["min_box_iou"]) == (True, 0, 1)
    assert one["fields"]["decision"] == {"recorded": "FAIL", "again": "FAIL", "same": True}


def test_a_record_that_comes_out_otherwise_is_told_field_by_field(plant, capsys):
    change(plant, "UPDATE inspection SET decision = 'PASS', reasons = '[]' WHERE sequence = 4")
    code, out, _ = replay(capsys, plant, "4", "--line", plant / "line.yaml")
    assert code == 1
    assert "record 4 (part part-4, PASS): DIFFERENT" in out
    assert "  DIFFERENT  decision: PASS → FAIL" in out
    assert "  DIFFERENT  rules: none → blue.score; red.score" in out
    assert "  same       bundle_digest: " in out


def test_an_image_kept_as_jpeg_is_told(plant, capsys):
    line = plant / "line.yaml"
    facts = yaml.safe_load(line.read_text())
    facts["records"] = {"folder": "jpegs", "images": {"format": "jpeg", "pass_every": 1}}
    line.write_text(yaml.safe_dump(facts))
    assert call(capsys, "run", line, "--quiet")[0] == 0
    _, out, _ = call(capsys, "records", "replay", plant / "jpegs", "1", "2", "--line", line)
    assert out.count("from a JPEG") == 2  # and its scores may be off by more than another machine's


@pytest.mark.parametrize(
    ("statement", "args", "says"),
    [
        ("UPDATE inspection SET image_path = NULL", ("2", "--line", "line.yaml"), "its image was not kept: not every"),
        (
            "UPDATE inspection SET image_path = NULL, image_removed_at = grabbed_at",
            ("2", "--line", "line.yaml"),
            "its image was not kept: retention removed it",
        ),
        ("UPDATE inspection SET image_sha256 = '0'", ("2", "--line", "line.yaml"), "was changed after writing"),
        ("UPDATE inspection SET image_path = 'images/x.png'", ("2", "--line", "line.yaml"), "x.png: cannot be read"),
        ("", ("5", "--line", "line.yaml"), "record 5 (part part-9): its image was not kept"),
        ("", ("2",), "was decided under a line file with digest"),
        ("", ("2", "--line", "other.yaml"), "other.yaml: digest"),
        ("UPDATE inspection SET line_digest = ''", ("2", "--line", "line.yaml"), "was decided without a line file"),
        ("UPDATE inspection SET line_digest = ''", ("2",), "was decided by the bundle tiny with digest"),
        ("", ("2", "--line", "line.yaml", "--bundle", "other"), "other: digest"),
        ("", ("77", "--line", "line.yaml"), "no record 77"),
    ],
)
def test_what_cannot_be_replayed_is_one_clear_line(plant, capsys, monkeypatch, statement, args, says):
    monkeypatch.chdir(plant)
    if "other" in args:
        tiny_bundle(plant / "other", score_floor=0.47)
    (plant / "other.yaml").write_text((plant / "line.yaml").read_text() + "# changed\n")
    if statement:
        change(plant, statement)
    code, out, err = replay(capsys, plant, *args)
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("lineproof: ")
    assert err.count("\n") == 1


def test_without_a_line_file_the_bundle_decides(plant, capsys):
    change(plant, "UPDATE inspection SET line_digest = ''")
    assert replay(capsys, plant, "4", "--bundle", plant / "bundle")[0] == 0


def test_list_has_numbers_that_show_takes(recorded, capsys):
    code, out, _ = call(capsys, "records", "list", recorded / "records", "--decision", "FAIL")
    numbers = [line.split()[0] for line in out.splitlines()[1:3]]
    assert (code, numbers) == (0, ["2", "4"])
    code, out, _ = call(capsys, "records", "show", recorded / "records", numbers[1])
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (told["part_id"], told["decision"], told["position"], told["outcome"]) == ("part-4", "FAIL", "4", "–")
    assert json.loads(told["reasons"])[0]["rule"] == "blue.score"
    code, out, _ = call(capsys, "records", "show", recorded / "records", told["inspection_id"], "--json")
    facts = json.loads(out)
    assert (facts["sequence"], facts["acknowledged"]) == (4, None)


def test_verify_prints_the_head_and_takes_a_noted_one(plant, capsys):
    folder = plant / "records"
    code, out, err = call(capsys, "records", "verify", folder)
    assert (code, err.count("\n")) == (0, 1)
    head = err.split()[-1]
    assert err == f"chain of 6 entries, head {head}\n"
    assert call(capsys, "records", "verify", folder, "--head", head)[0] == 0
    change(plant, "DELETE FROM inspection WHERE sequence = 5")
    code, out, _ = call(capsys, "records", "verify", folder, "--head", head)
    assert code == 1
    assert "entry 5: are missing: the tail was cut off" in out
    code, _, err = call(capsys, "records", "verify", folder, "--head", "x")
    assert (code, "not a head" in err) == (2, True)


def test_upgrade_leaves_what_is_new_as_it_is(plant, capsys):
    code, out, _ = call(capsys, "records", "upgrade", plant / "records")
    assert (code, out) == (0, "5 rows, schema v0002\n")
