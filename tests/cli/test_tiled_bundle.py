"""A bundle with tiles on its way to the line: opened, described, shown to callers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.made_up_report import made_up_report
from lineproof.bench.contenders import Subject, Threads, contenders
from lineproof.bench.measure import BenchWish, measure
from lineproof.bench.race import RaceSettings
from lineproof.bench.table import text
from lineproof.bundle.describe import describe
from lineproof.bundle.open import open_bundle
from lineproof.bundle.tiles import TilesSpec
from lineproof.bundle.triton_readme import _letterbox
from lineproof.cli.assemble import Callers, most_at_once, open_inspector, reduce_of
from lineproof.cli.main import app
from lineproof.core import Decision, Detections, Frame, StageTimes
from lineproof.core.decode import whole
from lineproof.core.tiles import Tiling
from lineproof.engine.regions import Region
from lineproof.engine.tiling import CPU_BATCH
from lineproof.rules.tolerance import Rules
from lineproof.serve.readiness import Loaded
from lineproof.serve.schemas import BundleFacts
from serve.served import serving
from tiny_bundle import CELL, SIZE, tiny_bundle, tiny_manifest

SPEC = TilesSpec.of(Tiling((SIZE, SIZE), (CELL, CELL)))
WH = (208, 112)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tiny_bundle(tmp_path / "b", tiles=SPEC)
    return tmp_path / "b"


def frame(*spots: tuple[int, int]) -> np.ndarray:
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    for x, y in spots:
        image[y : y + CELL, x : x + CELL] = (0, 0, 255)
    return image


@pytest.mark.parametrize("callers", [Callers(), Callers(at_once=2, max_batch=4)])
def test_the_line_sees_a_defect_on_any_tile(path: Path, callers: Callers):
    inspector, bundle = open_inspector(path, Rules(), "cpu", callers=callers)
    good, bad = (inspector.inspect(Frame(image, "7", "test")) for image in (frame(), frame((192, 80))))
    assert (good.verdict.decision, bad.verdict.decision) == (Decision.PASS, Decision.FAIL)
    assert bad.detections.xyxy.tolist() == [[192, 80, 208, 96]]
    assert reduce_of(bundle, ()) is whole


def test_regions_are_cut_into_tiles_of_their_own(path: Path):
    region = Region(x=48, y=0, width=160, height=112)
    inspector, _ = open_inspector(path, Rules(), "cpu", regions=[region])
    found = inspector.inspect(Frame(frame((16, 16), (192, 80)), "7", "test")).detections
    assert found.xyxy.tolist() == [[192, 80, 208, 96]]  # the other lies outside


def test_tiles_run_some_at_a_time_whole_frames_on_a_cpu_one_by_one(path: Path, tmp_path: Path):
    inspector, bundle = open_inspector(path, Rules(), "cpu")
    assert inspector.engine.max_batch == most_at_once("cpu", bundle, ()) == CPU_BATCH
    assert most_at_once("cpu", tiny_bundle(tmp_path / "whole"), ()) == 1


def test_the_times_of_regions_are_those_of_all_their_tiles(path: Path):
    regions = [Region(x=0, y=0, width=208, height=112), Region(x=0, y=0, width=64, height=64)]
    inspector, _ = open_inspector(path, Rules(), "cpu", regions=regions)
    each = iter([5.0, 7.0])
    empty = Detections.empty()
    inspector.engine.engine.detect_many = lambda images: [(empty, StageTimes(infer=next(each))) for _ in images]
    assert inspector.engine.detect(frame())[1].infer == 12


def test_inspect_says_where_it_is(path: Path, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "part.png"), frame((112, 80)))
    answer = CliRunner().invoke(app, ["inspect", str(path), str(tmp_path / "part.png"), "--provider", "cpu", "--json"])
    (part,) = json.loads(answer.stdout)["inspections"]
    assert part["decision"] == "FAIL"
    assert (part["detections"][0]["box"], part["detections"][0]["area_px"]) == ([112, 80, 128, 96], 256)


def test_so_does_http(path: Path):
    inspector, bundle = open_inspector(path, Rules(), "cpu")
    facts = BundleFacts.model_validate(
        {
            "name": "tiny",
            "digest": bundle.digest,
            "task": "detect",
            "classes": bundle.manifest.classes,
            "model_input": inspector.engine.input_wh,
            "score_floor": 0.46,
            "thresholds": {name: point.model_dump() for name, point in bundle.manifest.thresholds.items()},
            "provider": inspector.engine.provider,
            "fallback": "",
            "line_digest": "",
            "manifest": bundle.manifest.model_dump(mode="json"),
        }
    )
    with serving(load=lambda: Loaded(inspector, facts, 1, reduce_of(bundle, ()))) as server:
        body = server.post(cv2.imencode(".png", frame((112, 80)))[1].tobytes()).json()
        told = server.client.get("/v1/bundle").json()
    assert (body["decision"], body["image"]) == ("FAIL", list(WH))
    assert body["detections"][0]["box"] == [112, 80, 128, 96]
    assert told["manifest"]["tiles"] == SPEC.model_dump()


def test_its_tiles_are_described(path: Path):
    assert "tiles        64×64 px of the frame, neighbours share 16 and 16 px" in describe(open_bundle(path))
    assert "sees tiles, not frames" in _letterbox(tiny_manifest(tiles=SPEC))
    assert "tiles" not in _letterbox(tiny_manifest())


def test_bench_counts_the_tiles_of_its_frame(path: Path):
    quick = BenchWish(threads=(1,), frame_wh=WH, settings=RaceSettings(rounds=3, calls=1, pause_s=0.0))
    report = measure(path, quick)
    assert report.frame["tiles"] == 8
    assert report.subject["tiles"] == SPEC.model_dump()
    shown = text(report)
    assert "one 208×112 frame as 8 tiles" in shown
    assert "lineproof's time that of all 8" in shown.replace("\n", " ")
    ours = next(row for row in report.races[0].rows if row.role == "lineproof")
    assert ours.spread is not None
    assert "tiles" not in text(replace(made_up_report()))


def test_a_peer_without_tiles_is_told_apart():
    subject = Subject(Path("b"), Path("m.onnx"), '{"input_wh": [64, 64], "tiles": {}}', "detect", Path("f.npy"))
    tiled = replace(subject, spec=json.dumps({"input_wh": [64, 64], "tiles": SPEC.model_dump()}))
    notes = [
        [c.note for c in contenders(s, Threads(1, all_cores=False), ("cpu",), ("ultralytics",), spin=False)][-1]
        for s in (subject, tiled)
    ]
    assert "no tiles" not in notes[0]
    assert "sees the whole frame at once, no tiles" in notes[1]
