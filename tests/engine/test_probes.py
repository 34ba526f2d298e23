from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineproof.bundle import Probe, decide, seal
from lineproof.core import Decision, Detections
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.engine.scripted import ScriptedEngine
from lineproof.errors import EngineError
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules
from tiny_bundle import CLASSES, PARTS, part, tiny_bundle, tiny_engine, tiny_manifest, tiny_model


@pytest.fixture(params=["detect", "segment"])
def bundle(request, tmp_path):
    return tiny_bundle(tmp_path / "b", request.param)


def replay(bundle, **changes):
    """Replay with the sealed answers, one column of the last probe's detections changed."""
    answers = [probe.expected for probe in bundle.probes]
    answers[-1] = replace(answers[-1], **{name: change(answers[-1]) for name, change in changes.items()})
    return replay_probes(ScriptedEngine(CLASSES, answers), bundle)


def test_the_machine_that_sealed_agrees_with_itself(bundle):
    report = replay_probes(OnnxEngine.open(bundle, "cpu"), bundle)
    assert (report.probes, report.detections) == (3, 3)
    assert report.max_score_difference < 1e-6
    assert report.min_box_iou > 0.999


def test_small_differences_are_tolerated_and_reported(bundle):
    report = replay(bundle, score=lambda d: d.score - 0.01, xyxy=lambda d: d.xyxy + 0.2)
    assert report.max_score_difference == pytest.approx(0.01, abs=1e-4)
    assert 0.9 < report.min_box_iou < 1


@pytest.mark.parametrize(
    ("column", "change", "says"),
    [
        ("score", lambda d: d.score - 0.03, "score is off by 0.03"),
        ("xyxy", lambda d: d.xyxy + 2, "box overlaps"),
        ("xyxy", lambda d: d.xyxy + 12, "lost a detection"),
        ("class_id", lambda d: 1 - d.class_id, "lost a detection"),
    ],
)
def test_a_machine_that_sees_otherwise_is_not_ready(bundle, column, change, says):
    with pytest.raises(EngineError, match=f"not ready.*red and blue.png.*{says}"):
        replay(bundle, **{column: change})


def test_an_invented_detection_is_named(bundle):
    ghost = Detections(np.array([[1, 1, 9, 9]]), np.array([0.9]), np.array([0]), bundle.probes[1].expected.masks)
    answers = [ghost, *(probe.expected for probe in bundle.probes[1:])]
    with pytest.raises(EngineError, match=r"ok.png this machine adds a detection of score 0.90"):
        replay_probes(ScriptedEngine(CLASSES, answers), bundle)


def test_a_mask_elsewhere_is_not_ready(tmp_path):
    bundle = tiny_bundle(tmp_path / "b", "segment")
    with pytest.raises(EngineError, match="mask overlaps"):
        replay(bundle, masks=lambda d: tuple(mask.shift(4, 4) for mask in d.masks))


def test_weak_detections_that_cannot_reject_are_not_held_against_a_machine(tmp_path):
    engine = tiny_engine()
    weak = part((1, 1, (140, 0, 0)))  # 0.55: above the floor, below review
    bundle = seal(tmp_path / "b", tiny_manifest(), tiny_model(), (Probe("weak.png", weak, engine.detect(weak)[0]),))
    assert len(bundle.probes[0].expected) == 1
    replay_probes(ScriptedEngine(CLASSES), bundle)


def test_a_wrong_graph_is_found_out(tmp_path):
    """The same bundle with red and blue swapped in the graph: what a broken export would do."""
    bundle = tiny_bundle(tmp_path / "b")
    swapped = replace(bundle, model=bundle.model.replace(np.array([0, 2]).tobytes(), np.array([2, 0]).tobytes()))
    assert swapped.model != bundle.model
    with pytest.raises(EngineError, match="not ready"):
        replay_probes(OnnxEngine.open(swapped, "cpu"), swapped)


def test_probes_come_back_from_disk_as_they_were(bundle):
    engine = OnnxEngine.open(bundle, "cpu")
    for probe in bundle.probes:
        np.testing.assert_array_equal(probe.image, PARTS[probe.name])
        fresh, _ = engine.detect(probe.image)
        np.testing.assert_allclose(probe.expected.xyxy, fresh.xyxy)
        for ours, theirs in zip(probe.expected.masks or (), fresh.masks or (), strict=True):
            np.testing.assert_array_equal(ours.bitmap, theirs.bitmap)
            assert (ours.x, ours.y) == (theirs.x, theirs.y)


@pytest.mark.parametrize("score", [0.5, 0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("class_id", [0, 1])
def test_decide_is_what_the_rules_say_without_a_line(score, class_id):
    found = Detections(np.array([[1, 1, 9, 9]]), np.array([score]), np.array([class_id]))
    limits = {"blue": Threshold(0.8, 0.6), "red": Threshold(0.7, 0.7)}
    expected = judge(found, compile_limits(Rules(), CLASSES, limits, 0.1)).decision
    assert decide(found, limits, CLASSES) is expected
    assert decide(Detections.empty(), limits, CLASSES) is Decision.PASS
