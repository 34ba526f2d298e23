from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from builders import detections
from lineproof.adapt.probes import MAX_PROBE_PIXELS, choose_probes
from lineproof.bundle import seal
from lineproof.core import Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from tiny_bundle import CLASSES, part, tiny_engine, tiny_manifest, tiny_model

LIMITS = {name: Threshold(0.8, 0.6) for name in CLASSES}


def sample(folder: Path, name: str, image: np.ndarray, *class_ids: int) -> Sample:
    cv2.imwrite(str(folder / name), image)
    truth = detections(*((0, 0, 16, 16, 1, class_id) for class_id in class_ids)) if class_ids else Detections.empty()
    return Sample(folder / name, (image.shape[1], image.shape[0]), truth, name)


@pytest.fixture
def samples(tmp_path):
    return [
        sample(tmp_path, "near.png", part((0, 0, (206, 0, 0))), 0),  # 0.81: a hair above the threshold
        sample(tmp_path, "sure.png", part((0, 0, (250, 0, 0))), 0),
        sample(tmp_path, "missed.png", part(), 1),
        sample(tmp_path, "found.png", part((1, 1, (0, 0, 250))), 1),
        sample(tmp_path, "false alarm.png", part((1, 1, (0, 0, 250)))),
        sample(tmp_path, "ok.png", part()),
    ]


def test_every_class_and_a_good_part_are_covered_far_from_the_thresholds(samples):
    chosen = choose_probes(tiny_engine(), samples, LIMITS, count=3)
    assert [probe.name for probe in chosen] == ["ok.png", "sure.png", "found.png"]
    assert [len(probe.expected) for probe in chosen] == [0, 1, 1]


def test_the_rest_of_the_places_is_filled_without_repeats(samples):
    names = [probe.name for probe in choose_probes(tiny_engine(), samples, LIMITS, count=8)]
    assert names == ["ok.png", "sure.png", "found.png", "near.png", "missed.png"]


def test_without_good_parts_a_grey_image_stands_in(samples):
    bad = [sample for sample in samples if not sample.ok]
    chosen = choose_probes(tiny_engine(), bad, LIMITS)
    assert chosen[0].name == "plain grey"
    assert (chosen[0].image == 128).all()


def test_what_is_chosen_replays(samples, tmp_path):
    chosen = choose_probes(tiny_engine(), samples, LIMITS)
    bundle = seal(tmp_path / "b", tiny_manifest(), tiny_model(), chosen)
    assert replay_probes(OnnxEngine.open(bundle, "cpu"), bundle).probes == len(chosen)


def test_camera_frames_are_shrunk(tmp_path):
    large = sample(tmp_path, "large.png", np.zeros((2000, 3000, 3), np.uint8))
    (probe,) = choose_probes(tiny_engine(), [large], LIMITS)
    height, width, _ = probe.image.shape
    assert width * height <= 1.01 * MAX_PROBE_PIXELS
    assert width / height == pytest.approx(1.5, abs=0.01)
