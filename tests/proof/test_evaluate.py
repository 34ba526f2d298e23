from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders import detections, image
from lineproof.core import Detections, Sample, StageTimes
from lineproof.core.threshold import Threshold
from lineproof.errors import DatasetError
from lineproof.proof.average_precision import average_precision
from lineproof.proof.evaluate import align_classes, as_one_class, detect_all, evaluate
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

CLASSES = ("scratch", "pit")
LIMITS = compile_limits(Rules(), CLASSES, {name: Threshold(0.5, 0.5) for name in CLASSES}, 0.05)


def sample(truth: Detections, name: str = "a") -> Sample:
    return Sample(Path(f"{name}.png"), (64, 48), truth, name, "val")


def test_perfect_answers_score_one():
    truth = [detections((1, 1, 20, 20, 1, 0), (30, 5, 50, 30, 1, 1), masks=True), Detections.empty(with_masks=True)]
    result = evaluate([sample(t, str(i)) for i, t in enumerate(truth)], truth, CLASSES, LIMITS)
    assert (result.boxes.ap50, result.boxes.ap50_95) == (1.0, 1.0)
    assert result.masks is not None
    assert result.masks.per_class == {"scratch": (1.0, 1.0), "pit": (1.0, 1.0)}
    assert (result.rates.escape.count, result.rates.overkill.count) == (0, 0)


def test_half_the_truth_found_is_half_the_ap():
    truth = detections((0, 0, 10, 10, 1, 0), (30, 30, 40, 40, 1, 0))
    found = detections((0, 0, 10, 10, 0.9, 0))
    # 101-point interpolation: precision 1 up to recall 0.5 is 51 of 101 points
    assert average_precision([sample(truth)], [found], ["scratch"]).ap50 == pytest.approx(51 / 101)


def test_a_class_without_truth_is_not_counted():
    result = average_precision([sample(detections((0, 0, 9, 9, 1, 0)))], [detections((0, 0, 9, 9, 0.9, 0))], CLASSES)
    assert result.ap50 == 1.0
    assert np.isnan(result.per_class["pit"][0])
    assert result.as_dict()["per_class"]["pit"] == {"AP50": None, "AP50_95": None}


def test_nothing_found_is_zero_and_nothing_to_find_is_nan():
    assert average_precision([sample(detections((0, 0, 9, 9, 1, 0)))], [Detections.empty()], CLASSES).ap50 == 0.0
    assert np.isnan(average_precision([sample(Detections.empty())], [Detections.empty()], CLASSES).ap50)


def test_classes_are_matched_by_name_not_by_number():
    moved = align_classes([sample(detections((0, 0, 9, 9, 1, 0)))], ["pit"], CLASSES)
    assert moved[0].truth.class_id.tolist() == [1]
    with pytest.raises(DatasetError, match="'dent' is unknown to the bundle"):
        align_classes([], ["dent"], CLASSES)


def test_every_image_is_read_once(tmp_path):
    import cv2

    class Engine:
        classes, provider, input_wh = CLASSES, "CPUExecutionProvider", (64, 64)

        def detect(self, pixels):
            return detections((0, 0, pixels.shape[1], pixels.shape[0], 0.9, 0)), StageTimes()

    cv2.imwrite(str(tmp_path / "a.png"), image(30, 20))
    one = Sample(tmp_path / "a.png", (30, 20), Detections.empty(), "a")
    found = detect_all(Engine(), [one, one])
    assert found[0].xyxy.tolist() == [[0, 0, 30, 20]]
    assert len(found) == 2


def test_one_class_has_all_defects():
    truth = detections((0, 0, 9, 9, 1, 0), (1, 1, 5, 5, 1, 1))
    bad, good = as_one_class([sample(truth), sample(detections())])
    assert bad.truth.class_id.tolist() == [0, 0]
    np.testing.assert_array_equal(bad.truth.xyxy, truth.xyxy)
    assert good.ok
