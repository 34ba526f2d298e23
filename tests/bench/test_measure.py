"""Frames, threads and runs: what a measurement starts from, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.bench.child import memory_mib, take_turn
from lineproof.bench.contenders import STOCK_FLOOR, Subject, Threads, contenders, floors
from lineproof.bench.machine import cores, cpu_flags, cpu_name
from lineproof.bench.measure import BenchWish, check_same_task, choose_frame, measure, side_by_side, thread_counts
from lineproof.bench.race import RaceSettings, Row
from lineproof.bundle import Bundle, open_bundle
from lineproof.errors import ImageError, InputError
from tiny_bundle import part, tiny_bundle
from tiny_classifier import classifier_bundle, classifier_manifest

QUICK = RaceSettings(rounds=3, calls=2, pause_s=0.0)
SUBJECT = Subject(Path("bundle"), Path("model.onnx"), '{"input_wh": [64, 64]}', "detect", Path("frame.npy"))
ONE = Threads(1, all_cores=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "tiny")


def test_a_probe_is_repeated_in_its_own_proportions() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    frame = side_by_side(image, (14, 4))
    assert frame.shape == (4, 14, 3)
    np.testing.assert_array_equal(frame[:, :6], image)
    np.testing.assert_array_equal(frame[:, 6:12], image)
    assert side_by_side(image, (20, 8)).shape == (8, 20, 3)


def test_the_frame_is_made_of_the_probe_with_a_typical_number_of_detections(bundle: Bundle) -> None:
    frame, source = choose_frame(bundle, None, (64, 64))
    assert frame.shape == (64, 64, 3)
    assert source == "probe red and blue.png, side by side"  # the other probes find fewer, none near a dozen
    assert choose_frame(bundle, None, None)[0].shape == (1080, 1920, 3)


def test_a_plain_sheet_makes_a_frame_only_where_there_is_nothing_else(bundle: Bundle) -> None:
    ok, blue, _ = bundle.probes
    assert choose_frame(replace(bundle, probes=(ok, blue)), None, (1, 1))[1] == "probe blue.png, side by side"
    assert choose_frame(replace(bundle, probes=(ok,)), None, (64, 64))[1] == "probe ok.png, side by side"


def test_an_image_is_taken_as_it_is_or_resized(bundle: Bundle, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), part((1, 1, (255, 0, 0))))
    frame, source = choose_frame(bundle, tmp_path / "part.png", None)
    assert (frame.shape, source) == ((64, 64, 3), "part.png")
    assert choose_frame(bundle, tmp_path / "part.png", (100, 40))[0].shape == (40, 100, 3)
    with pytest.raises(ImageError, match=r"none\.png"):
        choose_frame(bundle, tmp_path / "none.png", None)


def test_without_probe_and_image_there_is_nothing_to_measure_on(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="--image FILE"):
        choose_frame(replace(bundle, probes=()), None, None)


def test_threads_are_one_and_all_unless_asked() -> None:
    there = cores()
    assert {threads.count for threads in thread_counts(())} == {1, there}
    assert thread_counts((there, there)) == [Threads(there, all_cores=True)]
    for wrong in (0, there + 1):
        with pytest.raises(InputError, match=f"--threads {wrong}: this process may use {there} cores"):
            thread_counts((wrong,))


def test_the_run_must_be_the_bundles_own(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training run"):
        check_same_task(tmp_path, bundle.manifest)
    (tmp_path / "run.json").write_text(json.dumps({"task": "detect", "classes": ["dent"]}))
    with pytest.raises(InputError, match="for detect of dent, the bundle for detect of blue, red"):
        check_same_task(tmp_path, bundle.manifest)
    (tmp_path / "run.json").write_text(json.dumps({"task": "detect", "classes": ["blue", "red"]}))
    check_same_task(tmp_path, bundle.manifest)


def test_a_classifier_has_no_stock_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stock export"):
        check_same_task(tmp_path, classifier_manifest())


def test_a_classifier_races_against_its_bare_run(tmp_path: Path) -> None:
    classifier_bundle(tmp_path / "sorter")
    report = measure(tmp_path / "sorter", BenchWish(threads=(1,), frame_wh=(64, 64), settings=QUICK))
    (race,) = report.races
    assert [(row.name, row.problem, row.detections) for row in race.rows] == [
        ("bare run, this model", "", None),
        ("lineproof, cpu", "", 2),
    ]


def test_without_a_run_stock_peers_say_what_they_need() -> None:
    field = contenders(SUBJECT, ONE, ("cpu",), ("ultralytics", "plain", "openvino"), spin=False)
    needs = {contender.name: contender.not_run for contender in field}
    assert needs["ultralytics"] == needs["plain"] == "needs the training run: --run RUN"
    assert needs["openvino"] == needs["lineproof, cpu"] == ""


def test_with_a_run_the_stock_export_is_the_floor() -> None:
    stock = replace(SUBJECT, stock=Path("stock.onnx"), weights=Path("best.safetensors"))
    field = contenders(stock, ONE, ("cpu", "cuda"), ("ultralytics-torch",), spin=False)
    assert {c.name: c.floor for c in field} == {
        STOCK_FLOOR: STOCK_FLOOR,
        "bare run, this model": STOCK_FLOOR,
        "bare run, cuda": "bare run, cuda",
        "lineproof, cpu": STOCK_FLOOR,
        "lineproof, cuda": "bare run, cuda",
        "ultralytics-torch": STOCK_FLOOR,
    }
    assert field[-1].job.model == "best.safetensors"
    assert field[0].job.model == "stock.onnx"


def test_stock_rows_run_at_the_size_of_the_stock_export() -> None:
    square = replace(SUBJECT, stock=Path("stock.onnx"), stock_wh=(96, 96), weights=Path("best.safetensors"))
    field = {c.name: c for c in contenders(square, ONE, ("cpu",), ("plain", "opencv"), spin=False)}
    assert json.loads(field["plain"].job.spec)["input_wh"] == [96, 96]
    assert json.loads(field["opencv"].job.spec)["input_wh"] == [64, 64]
    assert field["opencv"].job.fallback_model == ""


def test_segmentation_has_ultralytics_with_full_masks_too() -> None:
    stock = replace(SUBJECT, task="segment", stock=Path("stock.onnx"), weights=Path("best.safetensors"))
    field = contenders(stock, ONE, (), ("ultralytics",), spin=False)
    assert [(c.name, c.job.full_masks) for c in field[2:]] == [
        ("ultralytics", False),
        ("ultralytics, full masks", True),
    ]


def test_rows_for_fp32_are_not_shown_beside_another_precision() -> None:
    field = contenders(replace(SUBJECT, precision="int8"), ONE, ("cpu",), ("openvino",), spin=False)
    assert field[-1].not_run == "this bundle's model is int8; this row is for fp32"
    assert floors(replace(SUBJECT, precision="bf16"), ONE)[0].job.precision == "fp32"


def test_a_real_bundle_is_measured_end_to_end(bundle: Bundle) -> None:
    wish = BenchWish(("cpu", "openvino"), ("openvino", "opencv", "plain"), (1,), frame_wh=(128, 128), settings=QUICK)
    report = measure(bundle.path, wish)
    rows = {row.name: row for row in report.races[0].rows}
    ours, floor = rows["lineproof, cpu"], rows["bare run, this model"]
    assert ours.spread is not None
    assert floor.spread is not None
    assert ours.spread.calls == floor.spread.calls == 6
    assert (ours.provider, ours.precision, ours.floor) == ("CPUExecutionProvider", "fp32", floor.name)
    assert ours.detections == _expected(bundle) == 2
    assert set(ours.stages_ms) == {"preprocess", "infer", "postprocess"}
    assert sum(ours.stages_ms.values()) <= 1.5 * ours.spread.median_ms
    assert ours.ratio is not None
    assert floor.stages_ms == {}
    for name in ("lineproof, openvino", "openvino", "opencv"):
        _check_peer(rows[name], ours)
    assert rows["plain"].problem == "not run: needs the training run: --run RUN"
    assert report.subject["digest"] == bundle.digest


def _expected(bundle: Bundle) -> int:
    from lineproof.engine.onnx_engine import OnnxEngine

    frame, _ = choose_frame(bundle, None, (128, 128))
    return len(OnnxEngine.open(bundle, "cpu", 1).detect(frame)[0])


def _check_peer(row: Row, ours: Row) -> None:
    """Not installed here, or it finds what lineproof finds."""
    if row.problem:
        assert row.problem.startswith("not run: ")
    else:
        assert row.detections == ours.detections


def test_a_packed_bundle_is_measured_too(bundle: Bundle, tmp_path: Path) -> None:
    from lineproof.bundle.storage import read_files, write_packed

    write_packed(tmp_path / "tiny.lpb", read_files(bundle.path))
    report = measure(tmp_path / "tiny.lpb", BenchWish(threads=(1,), frame_wh=(128, 128), settings=QUICK))
    assert [row.problem for row in report.races[0].rows] == ["", ""]
    assert open_bundle(tmp_path / "tiny.lpb").digest == report.subject["digest"]


def test_one_untimed_call_comes_first_in_a_turn() -> None:
    calls = 0

    def call() -> dict[str, float]:
        nonlocal calls
        calls += 1
        return {"infer": float(calls)}

    turn = take_turn(call, 3)
    assert calls == 4
    assert len(turn.times_ms) == 3
    assert turn.stages_ms == {"infer": [2.0, 3.0, 4.0]}


def test_memory_is_read_as_linux_writes_it(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n")
    assert memory_mib(tmp_path / "status") == (100.0, 200.0)
    assert memory_mib(tmp_path / "elsewhere") == (None, None)


def test_the_processor_is_named_as_linux_names_it(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nflags\t\t: fpu avx2 avx512_bf16 sse\n")
    assert cpu_name(info) == "Some CPU: 3 GHz"
    assert cpu_flags(info) == ["avx2", "avx512_bf16"]
    assert cpu_flags(tmp_path / "none") == []
