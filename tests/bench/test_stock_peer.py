"""ultralytics as a contender: its own export is the floor, its own predict finds what lineproof finds."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lineproof.bench.measure import BenchWish, export_stock, measure
from lineproof.bench.race import RaceSettings
from lineproof.errors import EngineError

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="the train extra is not installed"),
]

WH = (96, 64)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle of an untrained network and the folder of the run it might have come from."""
    from lineproof.adapt.export import export_onnx
    from lineproof.adapt.network import Architecture, save_network
    from lineproof.bundle import ClassThreshold, Manifest, Probe, seal
    from lineproof.engine.onnx_engine import OnnxEngine
    from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

    root = tmp_path_factory.mktemp("run")
    with one_torch_thread():
        network = restless_network("segment")
        exported = export_onnx(network, WH)
    save_network(root / "best.safetensors", network, Architecture("yolov8", "n", "segment"), {})
    (root / "run.json").write_text(json.dumps({"task": "segment", "classes": CLASSES}))
    manifest = Manifest(
        name="restless",
        task="segment",
        classes=CLASSES,
        input=exported.input_spec,
        thresholds=dict.fromkeys(CLASSES, ClassThreshold(score=0.9, review_score=0.9)),
        score_floor=0.5,
        nms_iou=0.6,
        max_detections=300,
    )
    engine = OnnxEngine.from_model(exported.onnx, replace(exported.spec(0.5), nms_iou=0.6), "cpu", 1)
    probes = tuple(Probe(f"{seed}.png", blobs(seed, *WH), engine.detect(blobs(seed, *WH))[0]) for seed in range(3))
    return seal(root / "bundle", manifest, exported.onnx, probes).path, root


def test_every_stock_row_runs_and_finds_the_same(sealed: tuple[Path, Path]) -> None:
    bundle, run = sealed
    against = ("plain", "ultralytics", "ultralytics-torch")
    wish = BenchWish(against=against, threads=(1,), frame_wh=WH, run=run, settings=RaceSettings(3, 1, pause_s=0.0))
    rows = {row.name: row for row in measure(bundle, wish).races[0].rows}
    assert {row.problem for row in rows.values()} == {""}
    ours = rows["lineproof, cpu"]
    assert ours.floor == "bare run, stock export"
    assert set(ours.ratios) == {"bare run, stock export", "bare run, this model"}
    assert ours.detections == rows["plain"].detections
    assert ours.detections
    for name in ("ultralytics", "ultralytics, full masks", "ultralytics-torch", "ultralytics-torch, full masks"):
        found = rows[name].detections
        assert found is not None
        assert 0.25 * ours.detections < found <= ours.detections, name  # its predict keeps one class of a box
        assert set(rows[name].stages_ms) == {"preprocess", "infer", "postprocess"}, name


def test_an_export_that_fails_says_why_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"no weights")
    with pytest.raises(EngineError, match=r"the stock export failed: .*not a safetensors file"):
        export_stock(tmp_path / "best.safetensors", (64, 64), tmp_path / "stock.onnx")
    assert not (tmp_path / "stock.onnx").exists()
