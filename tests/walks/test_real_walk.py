"""Image to bundle to record, on real tiles and a real pretrained base; a short training, since the walk is tested here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PER_CLASS = 14


@pytest.fixture(scope="module")
def walk(shared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few tiles of each class, imported, split and trained on."""
    folder = tmp_path_factory.mktemp("walk")
    for source in sorted((shared_root / "data" / "magnetic-tile").glob("MT_*")):
        target = folder / "tiles" / source.name / "Imgs"
        target.mkdir(parents=True)
        # far apart in the list: different tiles, so that groups can be split
        pictures = sorted((source / "Imgs").glob("*.jpg"))
        for picture in pictures[:: max(1, len(pictures) // PER_CLASS)][:PER_CLASS]:
            shutil.copy(picture, target)
            shutil.copy(picture.with_suffix(".png"), target)
    weights = shared_root / "weights" / "yolov8n-seg-coco.safetensors"
    lineproof(folder, "data", "import", "tiles", "--out", "data", "--unlabelled", "skip")
    lineproof(folder, "data", "split", "data", "--val", "0.3", "--test", "0.3")
    lineproof(
        folder,
        "train",
        "data",
        "--out",
        "run",
        "--base",
        str(weights),
        "--recipe",
        "quick",
        "--imgsz",
        "128",
        "--epochs",
        "3",
    )
    return folder


def lineproof(folder: Path, *args: str) -> dict[str, object]:
    """One verb with --json; its answer."""
    done = subprocess.run(
        [sys.executable, "-m", "lineproof", *args, "--json"],
        cwd=folder,
        env=os.environ | {"LINEPROOF_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{args}\n{done.stdout}\n{done.stderr}"
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.shared
@pytest.mark.train
def test_what_is_sealed_decides_as_what_was_trained(walk):
    manifest = json.loads((walk / "run" / "bundle" / "manifest.json").read_text())
    assert manifest["task"] == "segment"
    assert manifest["parity"]["decision_flips"] == 0
    assert manifest["base"]["licence"].startswith("AGPL-3.0")
    lineproof(walk, "bundle", "verify", "run/bundle")


@pytest.mark.shared
@pytest.mark.train
def test_held_out_tiles_are_counted_once(walk):
    answer = lineproof(walk, "evaluate", "run/bundle", "data", "--split", "test")
    table = answer["table"]
    assert sum(sum(row.values()) for row in table.values()) == answer["images"] > 10
    assert answer["masks"] is not None
    assert 0 <= answer["escape"]["low"] <= answer["escape"]["high"] <= 1


@pytest.mark.shared
@pytest.mark.train
def test_what_it_misses_is_proven_on_held_out_tiles_and_required_by_a_line(walk):
    shutil.copytree(walk / "run" / "bundle", walk / "proven")
    (walk / "strict.yaml").write_text(
        "name: tiles\nbundle: proven\nrequire_proof: true\nrules: {default: {min_area_px2: 10}}\n"
        "source: {kind: folder, path: data/images, rate_hz: 50}\nline: {trigger: each_frame, deadline_ms: 5000}\n"
    )
    answer = lineproof(walk, "prove", "proven", "data", "--line", "strict.yaml", "--by", "Ada", "--out", "report")
    assert answer["proven_on"]["parts"] <= answer["proven_on"]["images"]
    assert answer["escape"]["count"] <= answer["escape"]["of"]
    assert "was not checked" not in " ".join(answer["notes"])  # the bundle knows what it was trained on
    page = (walk / "report" / "report.html").read_text("utf-8")
    assert answer["sentence"] in page
    assert "http" not in page.replace("http-equiv", "")
    assert lineproof(walk, "run", "strict.yaml", "--max-parts", "3")["parts"] == 3
    seen = [sys.executable, "-m", "lineproof", "prove", "proven", "data", "--split", "val"]
    refused = subprocess.run(seen, cwd=walk, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "training has seen" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.shared
@pytest.mark.train
def test_every_tile_on_the_line_gets_one_row(walk):
    (walk / "line.yaml").write_text(
        "name: tiles\nbundle: run/bundle\nsource: {kind: folder, path: data/images, rate_hz: 20}\n"
        "line: {trigger: each_frame, deadline_ms: 5000, queue: 100}\nrecords: {folder: records}\n"
    )
    answer = lineproof(walk, "run", "line.yaml", "--truth", "data")
    pictures = len(list((walk / "data" / "images").rglob("*.jpg")))
    assert answer["parts"] == pictures
    assert answer["truth"]["unknown"] == 0
    assert sum(lineproof(walk, "records", "show", "records")["counts"].values()) == pictures
    lineproof(walk, "records", "verify", "records")


@pytest.mark.shared
@pytest.mark.train
def test_a_changed_byte_is_refused_by_name(walk):
    copy = walk / "changed"
    shutil.copytree(walk / "run" / "bundle", copy)
    model = copy / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))
    done = subprocess.run(
        [sys.executable, "-m", "lineproof", "bundle", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "model.onnx" in done.stderr
    assert done.stderr.count("\n") == 1
