"""JPEGs decoded smaller behind the door: what the engine sees, what the caller hears, what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from builders import detections
from lineproof.bundle import Bundle, ClassThreshold, seal
from lineproof.bundle.reduced_decoding import ReducedDecoding
from lineproof.cli.assemble import reduce_of
from lineproof.cli.serve import _load, _Plan
from lineproof.core.boxes import box_iou
from lineproof.engine.reducing import reduce_for
from lineproof.engine.regions import Region
from lineproof.rules.tolerance import Rules
from lineproof.serve.settings import ServeSettings
from serve.served import Kept, engine, loaded, picture, serving
from tiny_bundle import PARTS, tiny_bundle, tiny_manifest

FOUND = detections((10, 10, 30.25, 20, 0.9, 0))
HALF = ReducedDecoding(reduction=2, images=40, decision_flips=0, allowed=True)


def reducing(scripted, **settings: object):
    """A server that may decode as small as a 64 × 64 input allows."""
    return serving(load=lambda: replace(loaded(scripted), reduce=reduce_for((64, 64))), **settings)


def test_the_engine_sees_fewer_pixels_and_the_caller_hears_of_all():
    scripted = engine(otherwise=FOUND)
    with reducing(scripted) as server:
        body = server.post(picture(width=512, height=384)).json()
    assert scripted.images[0].shape == (48, 64, 3)
    assert body["image"] == [512, 384]
    assert body["detections"][0]["box"] == [80.0, 80.0, 242.0, 160.0]
    assert body["detections"][0]["area_px"] == 162 * 80
    assert body["timings_ms"]["decode"] > 0


@pytest.mark.parametrize(
    ("suffix", "width", "height"), [(".png", 512, 384), (".jpg", 511, 384), (".jpg", 126, 96), (".jpg", 64, 48)]
)
def test_what_cannot_be_reduced_is_decoded_in_full(suffix, width, height):
    scripted = engine(otherwise=FOUND)
    with reducing(scripted) as server:
        body = server.post(picture(suffix, width, height)).json()
    assert scripted.images[0].shape == (height, width, 3)
    assert (body["image"], body["detections"][0]["box"]) == ([width, height], [10.0, 10.0, 30.25, 20.0])


def test_evidence_keeps_every_pixel():
    scripted, kept = engine(otherwise=FOUND), Kept()
    with reducing(scripted, recorder=kept) as server:
        server.post(picture(width=512, height=384))
        kept.wait(1)
    assert scripted.images[0].shape == kept.rows[0][1].shape == (384, 512, 3)


def test_a_truncated_jpeg_is_refused_as_ever():
    data = picture(width=512, height=384)
    with reducing(engine()) as server:
        for cut in (len(data) // 2, len(data) - 1):
            answer = server.post(data[:cut])
            assert server.error(answer) == (400, "not_an_image")
            assert "truncated" in answer.json()["error"]["message"]


def test_a_failing_engine_still_tells_the_size_of_the_picture():
    with reducing(engine(RuntimeError("gone"))) as server:
        body = server.post(picture(width=512, height=384)).json()
    assert (body["decision"], body["image"]) == ("FAULT", [512, 384])


def test_only_what_a_bundle_has_proven_is_taken_and_never_with_regions(tmp_path):
    silent, proven = tiny_bundle(tmp_path / "a"), tiny_bundle(tmp_path / "b", reduced_decoding=(HALF,))
    assert reduce_of(silent, ())((512, 384)) == 1
    assert reduce_of(proven, ())((512, 384)) == 2
    assert reduce_of(proven, [Region(x=0, y=0, width=64, height=64)])((512, 384)) == 1


def part_jpeg(cells: np.ndarray) -> bytes:
    """A part of the tiny model, twice as large as its input; its colours as sharp as its light."""
    sharp = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", np.kron(cells, np.ones((2, 2, 1), np.uint8)), sharp)[1].tobytes()


def answered(bundle: Bundle, data: bytes) -> dict:
    """What `lineproof serve` makes of a picture, with one caller at a time."""
    plan = _Plan(bundle.path, "cpu", Rules(), ServeSettings(concurrency=1))
    with serving(load=lambda: _load(plan)) as server:
        return server.post(data).json()


@pytest.mark.parametrize("name", PARTS)
def test_a_sealed_bundle_finds_the_same_at_a_half(name, tmp_path):
    data = part_jpeg(PARTS[name])
    full = answered(tiny_bundle(tmp_path / "full"), data)
    half = answered(tiny_bundle(tmp_path / "half", reduced_decoding=(HALF,)), data)
    assert full["image"] == half["image"] == [128, 128]
    assert (full["decision"], len(full["detections"])) == (half["decision"], len(half["detections"]))
    for one, other in zip(full["detections"], half["detections"], strict=True):
        assert one["class"] == other["class"]
        assert np.abs(np.subtract(one["box"], other["box"])).max() <= 1
        assert abs(one["score"] - other["score"]) < 0.02


@pytest.mark.shared
@pytest.mark.train
@pytest.mark.parametrize("name", ["zidane.jpg", "bus.jpg"])
def test_a_real_network_finds_the_same_on_a_photograph_at_a_half(name, shared_root, tmp_path):
    """Edges of large, half-hidden things move by some pixels when each pixel does by a quarter of a grey level."""
    full = answered(coco_bundle(shared_root, tmp_path / "full"), photograph(name))
    half = answered(coco_bundle(shared_root, tmp_path / "half", reduced_decoding=(HALF,)), photograph(name))
    assert full["image"] == half["image"] == [1280, 720]
    sure = [row for row in full["detections"] if row["score"] >= 0.5]
    assert len(sure) >= 2
    for row in sure:
        partner = max(half["detections"], key=lambda other: (other["class"] == row["class"]) * overlap(row, other))
        assert overlap(row, partner) > 0.95
        assert abs(row["score"] - partner["score"]) < 0.03


def coco_bundle(shared_root: Path, out: Path, **changes: object) -> Bundle:
    pytest.importorskip("torch", reason="needs the train extra")
    from lineproof.adapt.export import export_onnx
    from lineproof.adapt.network import read_safetensors

    network = read_safetensors(shared_root / "weights" / "yolov8n-coco.safetensors").network()
    exported = export_onnx(network, (640, 384))
    facts = {
        "name": "coco",
        "classes": exported.classes,
        "input": exported.input_spec,
        "outputs": exported.outputs,
        "strides": exported.strides,
        "thresholds": {name: ClassThreshold(score=0.5, review_score=0.25) for name in exported.classes},
        "score_floor": 0.05,
    }
    return seal(out, tiny_manifest(**facts, **changes), exported.onnx)


def photograph(name: str) -> bytes:
    """One that ultralytics brings along, at 1280 × 720."""
    from ultralytics.utils import ASSETS

    pixels = cv2.resize(cv2.imread(str(ASSETS / name)), (1280, 720), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def overlap(one: dict, other: dict) -> float:
    a, b = (np.array([row["box"]], np.float32) for row in (one, other))
    return float(box_iou(a, b)[0, 0])
