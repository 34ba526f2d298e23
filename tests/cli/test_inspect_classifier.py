from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from builders import detections, inspection
from lineproof.cli.annotate import annotate
from lineproof.cli.heat_picture import heat_picture
from lineproof.cli.inspect_images import inspect
from lineproof.core import Decision, Reason, Verdict
from lineproof.errors import EngineError, InputError, SettingsError
from tiny_bundle import PARTS, part, tiny_bundle
from tiny_classifier import classifier_bundle

VERDICT = Verdict(Decision.FAIL, tuple(Reason(f"{name}.score", name, row) for row, name in enumerate("ab")))
BLUE, RED = (255, 0, 0), (0, 0, 255)

app = typer.Typer()
app.command()(inspect)


@pytest.fixture
def bundle(tmp_path):
    classifier_bundle(tmp_path / "sorter")
    return tmp_path / "sorter"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in PARTS.items():
        cv2.imwrite(str(folder / name), image)
    cv2.imwrite(str(folder / "unsure.png"), part((0, 0, (150, 0, 0))))  # 0.67: between review and score
    return folder


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def test_a_classifier_decides_as_a_detector_does(bundle, photos):
    answer = run(bundle, photos, "--json", "--provider", "cpu")
    parts = {part["image"].split("/")[-1]: part for part in json.loads(answer.stdout)["inspections"]}
    decisions = {name: part["decision"] for name, part in parts.items()}
    assert decisions == {"ok.png": "PASS", "blue.png": "FAIL", "red and blue.png": "FAIL", "unsure.png": "REVIEW"}
    assert parts["blue.png"]["detections"][0]["box"] == [0, 0, 64, 64]
    assert [reason["rule"] for reason in parts["red and blue.png"]["reasons"]] == ["blue.score", "red.score"]
    assert (parts["ok.png"]["annotated"], parts["ok.png"]["heat"]) == (None, None)


def test_heat_pictures_show_where_on_the_part(bundle, photos, tmp_path):
    facts = json.loads(run(bundle, photos, "--heat", tmp_path / "why", "--json").stdout)
    assert sorted(path.name for path in (tmp_path / "why").iterdir()) == [
        "blue.jpg",
        "ok.jpg",
        "red and blue.jpg",
        "unsure.jpg",
    ]
    assert {part["heat"] is None for part in facts["inspections"]} == {False}
    picture = cv2.imread(str(tmp_path / "why/blue.jpg")).astype(int)
    assert picture.shape == (30 + 480 + 30, 480, 3)
    there, elsewhere = picture[30 + 300, 180], picture[30 + 60, 420]  # the cell (1, 2) is blue
    assert there[2] > there[0] + 20  # the most is red
    assert elsewhere.max() < 20


def test_heat_follows_the_regions_of_a_line_file(bundle, tmp_path):
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 136:] = RED
    cv2.imwrite(str(tmp_path / "wide.png"), image)
    line = tmp_path / "line.yaml"
    regions = "[{x: 0, y: 0, width: 64, height: 64}, {x: 136, y: 36, width: 64, height: 64}]"
    line.write_text(f"name: t\nbundle: {bundle}\nregions: {regions}\n")
    answer = run(bundle, tmp_path / "wide.png", "--line", line, "--heat", tmp_path / "why", "--json")
    (found,) = json.loads(answer.stdout)["inspections"]
    assert [(item["class"], item["box"]) for item in found["detections"]] == [("red", [136, 36, 200, 100])]
    picture = cv2.imread(str(tmp_path / "why/wide.jpg")).astype(int)
    scale = picture.shape[1] / 200
    hot, unseen = (picture[30 + round(y * scale), round(x * scale)] for x, y in ((170, 70), (170, 20)))
    assert unseen[2] > 240  # no region looks there: the red as it is
    assert unseen[2] - hot[2] > 20


def test_heat_is_refused_in_one_line_where_there_is_none(bundle, photos, tmp_path):
    tiny_bundle(tmp_path / "boxes")
    classifier_bundle(tmp_path / "bare", heat=False)
    with pytest.raises(EngineError, match="for detect"):
        run(tmp_path / "boxes", photos, "--heat", tmp_path / "why")
    with pytest.raises(EngineError, match="gives no heat maps"):
        run(tmp_path / "bare", photos, "--heat", tmp_path / "why")
    with pytest.raises(InputError, match=r"--heat .*: a file, not a folder"):
        run(bundle, photos, "--heat", photos / "ok.png")
    assert not (tmp_path / "why").exists()


def test_a_line_file_with_an_area_is_refused(bundle, photos, tmp_path):
    line = tmp_path / "line.yaml"
    line.write_text(f"name: t\nbundle: {bundle}\nrules:\n  classes:\n    blue: {{min_area_px2: 9}}\n")
    with pytest.raises(SettingsError, match=r"rules\.blue\.min_area_px2: the bundle is a classifier"):
        run(bundle, photos, "--line", line)


def test_only_positive_evidence_is_coloured():
    image = np.full((480, 480, 3), 90, np.uint8)
    evidence = np.full((480, 480), -1, np.float32)
    evidence[100:200, 100:200] = 3
    seen = inspection(detections=detections((0, 0, 480, 480, 0.9, 0)))
    picture = heat_picture(image, seen, "scratch", evidence)[30:-30]
    changed = (picture != 90).any(axis=2)
    assert changed[100:200, 100:200].all()
    assert changed.sum() == 100 * 100
    nothing = heat_picture(image, seen, "scratch", np.minimum(evidence, 0))
    assert (nothing[30:-30] == 90).all()
    assert (nothing[-30:] == 255).any()  # says so


def test_labels_of_whole_frames_stand_inside_the_picture_one_below_the_other():
    image = np.full((480, 640, 3), 90, np.uint8)
    one, two = (
        annotate(image, inspection(detections=detections(*rows), classes=("scratch", "dent"), verdict=VERDICT))
        for rows in ([(0, 0, 640, 480, 0.9, 0)], [(0, 0, 640, 480, 0.9, 0), (0, 0, 640, 480, 0.8, 1)])
    )
    inside = (slice(30 + 4, -4), slice(4, -4))
    first, both = ((picture[inside] != 90).any(axis=(1, 2)) for picture in (one, two))
    assert 0 < np.flatnonzero(first).max() < 30
    assert both.sum() >= 1.6 * first.sum()
