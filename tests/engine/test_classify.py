from __future__ import annotations

import numpy as np
import onnx
import pytest

from fake_gpu import install
from lineproof.bundle import ClassThreshold, seal
from lineproof.core.threshold import Threshold
from lineproof.engine.batching import BatchingEngine
from lineproof.engine.classify import whole_frame
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.engine.regions import Region, RegionEngine
from lineproof.engine.two_speed import TwoSpeedEngine
from lineproof.errors import EngineError
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules
from tiny_bundle import CLASSES, PARTS, part
from tiny_classifier import (
    classifier_bundle,
    classifier_engine,
    classifier_manifest,
    classifier_spec,
    tiny_classifier,
)

BLUE, RED = (255, 0, 0), (0, 0, 255)
SURE = 0.98201376  # the sigmoid of 4


def test_a_class_on_the_image_is_one_box_around_the_frame():
    found, times = classifier_engine().detect(part((1, 2, BLUE)))
    assert found.xyxy.tolist() == [[0, 0, 64, 64]]
    assert found.class_id.tolist() == [0]
    assert found.score[0] == pytest.approx(SURE, abs=1e-6)
    assert found.masks is None
    assert times.infer > 0


def test_each_class_stands_for_itself_and_the_surest_comes_first():
    engine = classifier_engine()
    assert len(engine.detect(part())[0]) == 0
    found, _ = engine.detect(part((0, 0, (200, 0, 0)), (3, 3, RED)))
    assert [CLASSES[row] for row in found.class_id] == ["red", "blue"]
    assert found.score[0] > found.score[1] > 0.5


def test_boxes_are_exactly_the_frame_whatever_its_size_and_however_many_classes():
    rng, engine = np.random.default_rng(0), classifier_engine()
    for _ in range(60):
        width, height = (int(side) for side in rng.integers(1, 700, 2))
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        found, _ = engine.detect(image)
        assert found.xyxy.tolist() == [[0, 0, width, height]] * len(found)
        assert len(found) >= 1  # the letterbox's grey alone is above the floor
        assert len(set(found.class_id.tolist())) == len(found)
    for _ in range(200):
        probabilities = rng.random(int(rng.integers(1, 40))).astype(rng.choice([np.float32, np.float16]))
        floor, wh = float(rng.random()), (int(rng.integers(1, 9000)), int(rng.integers(1, 9000)))
        found = whole_frame(probabilities, wh, floor)
        assert set(found.class_id.tolist()) == set(np.flatnonzero(probabilities.astype(np.float32) >= floor).tolist())
        assert np.array_equal(found.score, probabilities.astype(np.float32)[found.class_id])
        assert found.xyxy.tolist() == [[0, 0, *wh]] * len(found)
        assert np.all(np.diff(found.score) <= 0)


@pytest.mark.parametrize("floor", [0.1, 0.3, 0.7])  # 0.7 as float32 is a little less than 0.7
def test_a_class_exactly_at_the_floor_is_kept_and_rejects(floor):
    found = whole_frame(np.array([floor, floor - 0.001], np.float32), (4, 4), floor)
    assert found.class_id.tolist() == [0]
    limits = compile_limits(Rules(), CLASSES, dict.fromkeys(CLASSES, Threshold(floor, floor)), floor)
    assert judge(found, limits).decision == "FAIL"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), -0.01, 1.01])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_numbers_that_are_no_probability_are_an_error_not_a_good_part(wrong, kind):
    for place in range(3):
        probabilities = np.full(3, 0.01, kind)
        probabilities[place] = wrong
        with pytest.raises(EngineError, match="probabilities from"):
            whole_frame(probabilities, (8, 8), 0.05)


def test_a_hair_above_one_is_one():
    assert whole_frame(np.array([1.0005], np.float32), (8, 8), 0.05).score.tolist() == [1.0]


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_broken_run_is_an_error_through_every_runtime(provider):
    for model in (
        tiny_classifier(gain=float("nan")),
        tiny_classifier(squash="Relu", gain=9),
        tiny_classifier(squash="Neg"),
    ):
        with pytest.raises(EngineError, match="probabilities from"):
            OnnxEngine.from_model(model, classifier_spec(), provider, threads=1).detect(part((0, 0, BLUE)))


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_model_that_is_not_what_the_manifest_says_is_refused_when_opened(provider):
    for model, spec, says in (
        (tiny_classifier(classes=3), classifier_spec(), "expected probabilities of shape"),
        (tiny_classifier(classes=1), classifier_spec(), "expected probabilities of shape"),
        (tiny_classifier(names=("scores", "heat")), classifier_spec(), "outputs probabilities"),
        (tiny_classifier(heat=False), classifier_spec(), "outputs probabilities"),
        (tiny_classifier(), classifier_spec(outputs="probabilities"), "outputs probabilities"),
        (tiny_classifier(), classifier_spec(input_wh=(96, 64)), "input of shape"),
        (tiny_classifier(names=("probabilities", "other")), classifier_spec(heat=True), "outputs probabilities"),
    ):
        with pytest.raises(EngineError, match=says):
            OnnxEngine.from_model(model, spec, provider, threads=1)


def test_an_output_of_another_rank_is_refused():
    model = onnx.load_from_string(tiny_classifier(heat=False))
    model.graph.node[-1].output[0] = "flat"
    model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["flat", "axis"], ["probabilities"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2], np.int64), "axis"))
    model.graph.output[0].type.tensor_type.shape.dim.add(dim_value=1)
    with pytest.raises(EngineError, match="expected probabilities of shape"):
        OnnxEngine.from_model(model.SerializeToString(), classifier_spec(outputs="probabilities"), "cpu", threads=1)


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_batches_answer_as_single_images_do(provider):
    images = [*PARTS.values(), np.full((30, 90, 3), 200, np.uint8), part((2, 2, (180, 0, 90)))]
    one, many = (
        OnnxEngine.from_model(tiny_classifier(), classifier_spec(), provider, threads=1, max_batch=count)
        for count in (1, 3)
    )
    for single, (batched, _) in zip((one.detect(image)[0] for image in images), many.detect_many(images), strict=True):
        assert batched.class_id.tolist() == single.class_id.tolist()
        assert batched.xyxy.tolist() == single.xyxy.tolist()
        assert np.allclose(batched.score, single.score, atol=1e-6)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_binds_the_heat_only_where_it_is_asked_for(provider, monkeypatch):
    install(monkeypatch)
    images = [part((2, 1, RED)), part(), part((0, 0, BLUE), (1, 1, RED))]
    cpu = [classifier_engine().detect(image)[0] for image in images]
    for heat in (False, True):
        spec = classifier_spec(heat=heat)
        engine = OnnxEngine.from_model(tiny_classifier(), spec, provider, max_batch=4)
        assert [port.name for port in engine._session.outputs] == ["probabilities", "heat"][: 1 + heat]
        for (found, _), want in zip(engine.detect_many(images), cpu, strict=True):
            assert found.class_id.tolist() == want.class_id.tolist()
            assert np.allclose(found.score, want.score, atol=1e-6)
    assert list(engine.heat(images[0])) == ["red", "blue"]


def test_it_serves_several_callers_as_detectors_do():
    engine, image = classifier_engine(), part((1, 1, RED))
    want = engine.detect(image)[0].score.tolist()
    for shared in (BatchingEngine(engine, 4), TwoSpeedEngine(engine, classifier_engine())):
        assert shared.detect(image)[0].score.tolist() == want


def test_a_region_gives_its_own_rectangle():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 120:] = RED
    seen = RegionEngine(
        classifier_engine(), [Region(x=0, y=0, width=64, height=64), Region(x=136, y=36, width=64, height=64)]
    )
    found, _ = seen.detect(image)
    assert [(CLASSES[row], box) for row, box in zip(found.class_id, found.xyxy.tolist(), strict=True)] == [
        ("red", [136, 36, 200, 100])
    ]


def test_a_mono_classifier_sees_the_luminance():
    assert classifier_spec(channels=1).output_names == ("probabilities",)


def test_probes_agree_on_the_runtime_that_sealed_and_on_another(tmp_path):
    bundle = classifier_bundle(tmp_path / "tiny")
    for provider in ("cpu", "openvino"):
        assert replay_probes(OnnxEngine.open(bundle, provider, cached=False), bundle).probes == 3


def test_probes_notice_a_classifier_that_answers_otherwise(tmp_path):
    sealed = classifier_bundle(tmp_path / "tiny")
    limit = ClassThreshold(score=0.8, review_score=0.6)
    manifest = classifier_manifest(thresholds=dict.fromkeys(CLASSES, limit))
    weaker = seal(tmp_path / "weaker", manifest, tiny_classifier(gain=3.0), sealed.probes)
    with pytest.raises(EngineError, match="not ready"):
        replay_probes(OnnxEngine.open(weaker, "cpu"), weaker)
