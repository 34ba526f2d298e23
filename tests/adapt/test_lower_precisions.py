"""Calibration, the search for a layout, the plan, the race and the whole way to a table."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from rich.console import Console

from builders import image
from lineproof.adapt import candidates, int8
from lineproof.adapt.calibration import activation_ranges, calibration_images, cpu_session
from lineproof.adapt.candidates import plan
from lineproof.adapt.export import export_onnx
from lineproof.adapt.half import to_fp16
from lineproof.adapt.int8 import search_int8
from lineproof.adapt.latency import race
from lineproof.adapt.precision import at_precision
from lineproof.adapt.progress import PlainProgress
from lineproof.adapt.quantize import Layout
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.engine.letterbox import Letterbox
from lineproof.engine.scripted import ScriptedEngine
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def test_calibration_images_are_those_of_the_engine(boxes):
    spec = export_onnx(restless_network("detect"), (96, 64)).spec(0.5)
    samples = list(boxes.samples)[:3]
    expected, _ = Letterbox(spec.input_wh, dynamic=False, pad_value=spec.pad_value).fill(read_image(samples[0].image))
    assert np.array_equal(next(iter(calibration_images(samples, spec, count=2))), expected)
    assert sum(1 for _ in calibration_images(samples, spec, count=2)) == 2


def test_the_search_stops_at_the_first_layout_that_changes_nothing(monkeypatch):
    monkeypatch.setattr(int8, "to_int8", lambda *_: b"")
    flips = iter([3, 0])
    found = search_int8(b"", {}, [], lambda _: next(flips), lambda _: None)
    assert (found.layout, found.flips) == (Layout(silu_on_bytes=False), 0)


def test_each_runtime_is_offered_its_faster_layout_first(monkeypatch):
    monkeypatch.setattr(int8, "to_int8", lambda *_: b"")
    found = [
        search_int8(b"", {}, [], lambda _: 0, lambda _: None, silu_on_bytes_first=first).layout
        for first in (True, False)
    ]
    assert found == [Layout(), Layout(silu_on_bytes=False)]


def test_a_search_that_finds_nothing_gives_the_nearest(monkeypatch):
    monkeypatch.setattr(int8, "to_int8", lambda *_: b"")
    monkeypatch.setattr(int8, "worst_blocks", lambda *_: ("body.4", "body.6", "body.8"))
    flips = iter([9, 7, 2, 4])
    found = search_int8(b"", {}, [], lambda _: next(flips), lambda _: None)
    assert (found.layout.float_blocks, found.flips) == (("body.4",), 2)


def test_the_plan_measures_what_was_asked_beside_fp32():
    assert plan("int8", ("cpu", "openvino")) == {"fp32": ("cpu",), "int8": ("cpu", "openvino")}
    assert plan("fp16", ("cpu",)) == {"fp32": ("cpu",), "fp16": ("cpu",)}
    assert plan("bf16", ("cpu",)) == {"fp32": ("cpu",)}


def test_a_race_gives_every_engine_its_figures():
    engines = [ScriptedEngine(("bolt",)), ScriptedEngine(("bolt",))]
    figures = race(engines, [image(), image()], rounds=5)
    assert all(0 < each.median_ms <= each.p99_ms for each in figures)
    assert [len(engine.images) for engine in engines] == [8, 8]


def test_int8_from_export_to_table(boxes, monkeypatch):
    monkeypatch.setattr(candidates, "providers_here", lambda: ("cpu",))
    monkeypatch.setattr(int8, "worst_blocks", lambda *_: ())
    exported = export_onnx(restless_network("detect"), (64, 64))
    thresholds = dict.fromkeys(CLASSES, Threshold(0.5, 0.3))
    progress = PlainProgress(Console(quiet=True))
    precise = at_precision(exported, boxes, thresholds, 0.01, progress, asked="int8", max_flips=len(boxes.samples))
    assert precise.exported.precision == "int8"
    assert {row.precision for row in precise.rows} == {"fp32", "int8"}
    assert len(precise.flipped) == next(row.decision_flips for row in precise.rows if row.precision == "int8")


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_rows_in_fp16_are_a_valid_graph_with_boxes_in_float32(task):
    exported = export_onnx(restless_network(task), (128, 96), outputs="rows")
    picture = blobs(1, 128, 96)[None]
    model = to_fp16(exported.onnx, activation_ranges(exported.onnx, iter([picture])))
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    assert {o.name: o.type for o in cpu_session(model).get_outputs()}["boxes"] == "tensor(float)"
