from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ultralytics.data.augment import LetterBox

from lineproof.adapt.export import export_onnx
from lineproof.adapt.parity import ParityTolerance, check_parity
from lineproof.adapt.trained_model import TrainedModel
from lineproof.core import Detections
from lineproof.core.threshold import Threshold
from lineproof.engine.letterbox import Letterbox
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import ParityError
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


THRESHOLDS = {name: Threshold(0.8, 0.6) for name in CLASSES}


class Setup:
    """A network, its export, both sides running, and a few images of odd sizes on disk."""

    def __init__(self, task: str, folder: Path, *, dynamic: bool = False) -> None:
        self.model = restless_network(task)
        self.spec = EngineSpec(task, CLASSES, (128, 96), dynamic, score_floor=0.05, nms_iou=0.7)
        self.onnx = export_onnx(self.model, self.spec.input_wh, dynamic=dynamic).onnx
        self.trained = TrainedModel(self.model, self.spec)
        self.images = []
        for number, size in enumerate([(128, 96), (200, 150), (90, 160), (301, 77)]):
            path = folder / f"{number}.png"
            cv2.imwrite(str(path), blobs(100 + number, *size))
            self.images.append(path)

    def engine(self, **changes: object) -> OnnxEngine:
        return OnnxEngine.from_model(self.onnx, replace(self.spec, **changes), "cpu", threads=1)

    def check(self, engine, thresholds=THRESHOLDS, tolerance=None):
        return check_parity(engine, self.trained, self.images, thresholds, tolerance=tolerance)


@pytest.fixture(scope="module")
def detect(tmp_path_factory) -> Setup:
    return Setup("detect", tmp_path_factory.mktemp("detect"))


@pytest.fixture(scope="module")
def segment(tmp_path_factory) -> Setup:
    return Setup("segment", tmp_path_factory.mktemp("segment"))


def test_the_engine_sees_what_the_trained_model_sees(detect):
    report = detect.check(detect.engine())
    assert (report.images, report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (4, 0, 0, 0)
    assert report.matched > 100
    assert report.max_box_difference_px < 0.05
    assert report.max_score_difference < 1e-4
    assert report.mean_mask_iou is None


# Masks of random weights are noise down to single cells, and the two sides sample it in one and in two steps; masks of
# trained networks are smooth, see the real ones below.
NOISY_MASKS = ParityTolerance(mask_iou=0.9)


def test_so_does_a_segmenting_one_mask_by_mask(segment):
    report = segment.check(segment.engine(), tolerance=NOISY_MASKS)
    assert (report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (0, 0, 0)
    assert report.matched > 100
    assert report.mean_mask_iou is not None


def test_so_does_one_of_dynamic_shape(tmp_path):
    setup = Setup("detect", tmp_path, dynamic=True)
    report = setup.check(setup.engine())
    assert (report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (0, 0, 0)
    assert report.max_box_difference_px < 0.05


class Faulty:
    """An engine with one seeded fault between it and its caller."""

    def __init__(self, engine: OnnxEngine, *, before=lambda image: image, after=lambda found: found) -> None:
        self.classes, self.provider, self.input_wh = engine.classes, engine.provider, engine.input_wh
        self._engine, self._before, self._after = engine, before, after

    def detect(self, image):
        found, times = self._engine.detect(self._before(image))
        return self._after(found), times


def best_class_only(found: Detections) -> Detections:
    """What an argmax decode does: the second class of a box is dropped."""
    rows = [row for row in range(len(found)) if not (found.xyxy[:row] == found.xyxy[row]).all(axis=1).any()]
    return found[rows]


FAULTS = {
    "red and blue swapped": {"before": lambda image: np.ascontiguousarray(image[..., ::-1])},
    "image upside down": {"before": lambda image: np.ascontiguousarray(image[::-1])},
    "boxes cut to whole pixels": {"after": lambda d: replace(d, xyxy=np.floor(d.xyxy))},
    "boxes shifted by half a pixel": {"after": lambda d: replace(d, xyxy=d.xyxy + 0.51)},
    "scores clamped to integers": {"after": lambda d: replace(d, score=d.score.astype(np.int32))},
    "scores in eighths": {"after": lambda d: replace(d, score=np.round(d.score * 8) / 8)},
    "classes shifted": {"after": lambda d: replace(d, class_id=(d.class_id + 1) % 3)},
    "second class of a box dropped": {"after": best_class_only},
    "nothing found": {"after": lambda _: Detections.empty()},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught_and_the_image_named(detect, fault):
    with pytest.raises(ParityError, match=r"\d\.png: "):
        detect.check(Faulty(detect.engine(), **FAULTS[fault]))


def test_wrong_grey_of_the_border_is_caught(detect):
    with pytest.raises(ParityError, match=r"\.png"):
        detect.check(detect.engine(pad_value=0))


def test_another_suppression_is_caught(detect):
    with pytest.raises(ParityError, match=r"\.png"):
        detect.check(detect.engine(nms_iou=0.4))


def test_shifted_masks_are_caught(segment):
    def shift(found: Detections) -> Detections:
        return replace(found, masks=tuple(mask.shift(6, 6) for mask in found.masks or ()))

    with pytest.raises(ParityError, match="masks overlap by"):
        segment.check(Faulty(segment.engine(), after=shift), tolerance=NOISY_MASKS)


def test_specks_alone_do_not_make_another_network(segment):
    def shift_the_weak(found: Detections) -> Detections:
        strong = found.score >= 0.6
        return replace(
            found, masks=tuple(m if s else m.shift(6, 6) for m, s in zip(found.masks or (), strong, strict=True))
        )

    report = segment.check(Faulty(segment.engine(), after=shift_the_weak), tolerance=NOISY_MASKS)
    assert report.mean_mask_iou < 0.9


def test_weights_that_changed_after_training_are_caught(detect):
    other = restless_network("detect")
    with torch.no_grad():
        other.model[-1].cv3[0][-1].bias.add_(0.1)
    onnx = export_onnx(other, detect.spec.input_wh).onnx
    with pytest.raises(ParityError, match="score is off by"):
        detect.check(OnnxEngine.from_model(onnx, detect.spec, "cpu", threads=1))


def test_a_decision_that_flips_comes_first_in_the_message(detect):
    with pytest.raises(ParityError, match=r"the trained model decides FAIL, the engine PASS \(and \d+ more") as caught:
        detect.check(Faulty(detect.engine(), after=lambda _: Detections.empty()))
    assert caught.value.exit_code == 1


def test_differences_that_cannot_reject_a_part_are_counted_not_refused(detect):
    report = detect.check(Faulty(detect.engine(), after=lambda d: d[d.score >= 0.6]))
    assert report.unmatched_trained > 10
    assert (report.unmatched_runtime, report.decision_flips) == (0, 0)


def test_a_wider_tolerance_can_be_asked_for(detect):
    rough = Faulty(detect.engine(), after=lambda d: replace(d, score=d.score * 0.97))
    with pytest.raises(ParityError, match="score is off by"):
        detect.check(rough)
    report = detect.check(rough, tolerance=ParityTolerance(score=0.05))
    assert report.max_score_difference == pytest.approx(0.03, abs=0.002)


def test_progress_is_told(detect):
    seen = []
    check_parity(detect.engine(), detect.trained, detect.images, THRESHOLDS, progress=lambda *at: seen.append(at))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([(64, 64), (128, 96), (32, 160)]), st.booleans())
def test_the_letterbox_is_pixel_for_pixel_that_of_training(width, height, input_wh, dynamic):
    image = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ours, _ = Letterbox(input_wh, dynamic=dynamic, pad_value=114).fill(image)
    theirs = LetterBox(input_wh[::-1], auto=dynamic, stride=32)(image=image)
    np.testing.assert_array_equal(ours[0], theirs)


@pytest.mark.shared
@pytest.mark.parametrize(("base", "task"), [("yolov8n-coco", "detect"), ("yolov8n-seg-coco", "segment")])
def test_a_real_network_on_real_steel(shared_root, base, task):
    from ultralytics import YOLO

    model = YOLO(shared_root / "weights" / f"{base}.pt").model
    spec = EngineSpec(task, tuple(model.names.values()), (320, 320), score_floor=0.01)
    engine = OnnxEngine.from_model(export_onnx(model, spec.input_wh).onnx, spec, "cpu")
    images = sorted((shared_root / "data/neu-det/images").glob("*_1.jpg"))
    assert len(images) == 6
    limits = {name: Threshold(0.2, 0.05) for name in spec.classes}
    report = check_parity(engine, TrainedModel(model, spec), images, limits)
    assert (report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (0, 0, 0)
    assert report.matched > 5
    assert report.max_box_difference_px < 0.01
    assert task == "detect" or (report.mean_mask_iou > 0.99 and report.min_mask_iou > 0.9)
