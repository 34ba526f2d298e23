from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from lineproof.cli.inspect_images import inspect
from lineproof.errors import BundleError, InputError
from tiny_bundle import PARTS, part, tiny_bundle

app = typer.Typer()
app.command()(inspect)


@pytest.fixture(params=["detect", "segment"])
def bundle(request, tmp_path):
    tiny_bundle(tmp_path / "tiles", request.param)
    return tmp_path / "tiles"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in PARTS.items():
        cv2.imwrite(str(folder / name), image)
    cv2.imwrite(str(folder / "unsure.png"), part((0, 0, (180, 0, 0))))  # 0.71: between review and score
    return folder


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def test_each_image_gets_a_decision_with_reasons(bundle, photos):
    answer = run(bundle, photos, "--json", "--provider", "cpu")
    assert answer.exit_code == 0
    parts = {part["image"].split("/")[-1]: part for part in json.loads(answer.stdout)["inspections"]}
    decisions = {name: part["decision"] for name, part in parts.items()}
    assert decisions == {"ok.png": "PASS", "blue.png": "FAIL", "red and blue.png": "FAIL", "unsure.png": "REVIEW"}
    assert parts["ok.png"]["reasons"] == []
    assert parts["blue.png"]["reasons"][0]["rule"] == "blue.score"
    assert parts["blue.png"]["image_wh"] == [64, 64]
    assert parts["blue.png"]["annotated"] is None


def test_words_for_people_one_line_an_image(bundle, photos):
    lines = run(bundle, photos / "blue.png", photos / "ok.png").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["FAIL", "PASS"]
    assert "blue: score 1.00 ≥ 0.80" in lines[0]


def test_annotated_copies_show_the_decision(bundle, photos, tmp_path):
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more/ok.png"), part())
    out = tmp_path / "decisions"
    for _ in range(2):  # a second run replaces the first
        run(bundle, photos, tmp_path / "more", "--out", out)
    assert sorted(path.name for path in out.iterdir()) == [
        "blue.jpg",
        "ok-2.jpg",
        "ok.jpg",
        "red and blue.jpg",
        "unsure.jpg",
    ]
    green, red = (cv2.imread(str(out / name))[4, -4].astype(int) for name in ("ok.jpg", "blue.jpg"))
    assert green[1] > green[2]
    assert red[2] > red[1]


def test_a_bad_image_is_named_and_the_others_are_decided(bundle, photos):
    (photos / "broken.png").write_bytes((photos / "ok.png").read_bytes()[:-20])
    answer = run(bundle, photos, "--json")
    assert answer.exit_code == 2
    facts = json.loads(answer.stdout)
    assert len(facts["inspections"]) == 4
    assert [item["image"] for item in facts["unreadable"]] == [str(photos / "broken.png")]
    assert "broken.png" in answer.stderr


def test_wrong_paths_are_refused_before_anything_runs(bundle, photos, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        run(bundle, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        run(bundle, tmp_path / "empty")
    with pytest.raises(InputError, match="a file, not a folder"):
        run(bundle, photos, "--out", photos / "ok.png")
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        run(photos, photos)


def test_a_line_file_brings_its_own_rules(bundle, photos, tmp_path):
    line = tmp_path / "line.yaml"
    line.write_text(f"name: t\nbundle: {bundle}\nrules:\n  classes:\n    blue: {{ignore: true}}\n")
    facts = json.loads(run(bundle, photos / "blue.png", "--line", line, "--json").stdout)
    assert facts["counts"] == {"PASS": 1}


def test_large_frames_are_drawn_at_a_size_one_can_look_at(bundle, tmp_path):
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((2000, 3000, 3), np.uint8))
    run(bundle, tmp_path / "large.png", "--out", tmp_path / "out")
    assert max(cv2.imread(str(tmp_path / "out/large.jpg")).shape) == 1600
