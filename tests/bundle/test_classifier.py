from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from pydantic import ValidationError

from lineproof.bundle import Manifest, open_bundle
from lineproof.bundle.describe import describe
from lineproof.bundle.manifest import ParityReport, parse_manifest
from lineproof.errors import BundleError
from tiny_bundle import tiny_manifest
from tiny_classifier import classifier_bundle, classifier_manifest


def test_what_only_a_detector_needs_may_be_left_out_and_says_what_is_true():
    manifest = classifier_manifest()
    assert (manifest.schema_version, manifest.strides, manifest.nms_iou, manifest.max_detections) == (2, (), 1.0, 2)
    bare = manifest.model_dump(mode="json")
    for name in ("schema_version", "outputs", "strides", "nms_iou", "max_detections"):
        del bare[name]
    assert Manifest.model_validate(bare).outputs == "probabilities"


def test_older_programs_are_told_to_update_and_still_read_detectors():
    assert json.loads(classifier_manifest().to_json())["schema_version"] == 2
    assert json.loads(tiny_manifest().to_json())["schema_version"] == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("schema_version", 1, "a classifier needs 2"),
        ("outputs", "rows", r"probabilities or probabilities\+heat"),
        ("strides", [8, 16], "has none"),
        ("nms_iou", 0.7, "suppresses nothing"),
        ("max_detections", 1, "all 2 classes"),
        ("classes", 5, "classes"),
        ("classes", [], "classes"),
    ],
)
def test_a_classifier_with_a_detectors_settings_is_refused(field, value, says):
    content = {**classifier_manifest().model_dump(mode="json"), field: value}
    with pytest.raises(BundleError, match=says):
        parse_manifest(json.dumps(content).encode(), "here")
    del content["max_detections"]
    with pytest.raises(BundleError):  # nor does filling in what was left out trip over it
        parse_manifest(json.dumps({**content, "classes": value, "nms_iou": 2}).encode(), "here")


@pytest.mark.parametrize("outputs", ["probabilities", "probabilities+heat"])
def test_a_detector_with_a_classifiers_outputs_is_refused(outputs):
    with pytest.raises(ValidationError, match="those of a classifier"):
        tiny_manifest(outputs=outputs)
    with pytest.raises(ValidationError, match="strides"):
        tiny_manifest(strides=())


def test_it_seals_opens_and_describes_itself(tmp_path):
    sealed = classifier_bundle(tmp_path / "tiny")
    again = open_bundle(tmp_path / "tiny")
    assert again.digest == sealed.digest
    assert again.manifest == sealed.manifest
    assert [probe.expected.xyxy.tolist() for probe in again.probes] == [[], [[0, 0, 64, 64]], [[0, 0, 64, 64]] * 2]
    text = describe(again)
    assert "classify" in text
    assert "0.05" in text
    assert "overlap" not in text


def test_noise_in_a_classifiers_manifest_is_one_line_or_sound(tmp_path):
    content = classifier_manifest(files={"model.onnx": hashlib.sha256(b"").hexdigest()}).model_dump(mode="json")
    refused = 0
    rng, odd = np.random.default_rng(0), [None, -1, 0, 1.5, "", "x", [], {}, [1], True, [["a"]], 10**9]
    for _ in range(300):
        field = list(content)[rng.integers(len(content))]
        changed = {**content, field: odd[rng.integers(len(odd))]}
        try:
            manifest = parse_manifest(json.dumps(changed).encode(), "here")
        except BundleError:
            refused += 1
        else:
            assert manifest.task == "classify"
            assert manifest.max_detections >= len(manifest.classes)
    assert 100 < refused < 300


def test_parity_of_a_classifier_speaks_of_scores_and_not_of_boxes(tmp_path):
    parity = ParityReport(
        images=40,
        matched=60,
        unmatched_trained=0,
        unmatched_runtime=0,
        max_box_difference_px=0,
        max_score_difference=0.0002,
        decision_flips=0,
    )
    text = describe(classifier_bundle(tmp_path / "tiny", parity=parity))
    assert "40 images, 0 decisions differ, scores within 0.0002" in text
