from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from builders import detections
from lineproof.core import Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.proof.image_level import evaluate_images, image_average_precision
from lineproof.proof.intervals import clopper_pearson
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

CLASSES = ("scratch", "pit")
LIMITS = compile_limits(Rules(), CLASSES, {name: Threshold(0.5, 0.3) for name in CLASSES}, 0.05)
NONE = Detections.empty()


def sample(truth: Detections, group: str) -> Sample:
    return Sample(Path("a.png"), (64, 48), truth, group, "val")


def whole(score: float, class_id: int = 0) -> Detections:
    return detections((0, 0, 64, 48, score, class_id))


def test_average_precision_is_scikit_learns_ties_included():
    rng = np.random.default_rng(0)
    for _ in range(100):
        count = int(rng.integers(2, 60))
        has = rng.random(count) < 0.4
        score = np.round(rng.random(count), int(rng.integers(1, 4)))
        has[0] = True
        assert image_average_precision(has, score) == pytest.approx(average_precision_score(has, score))


def test_a_drawn_box_is_truth_for_its_whole_image():
    small = detections((5, 5, 9, 9, 1, 0), (20, 5, 29, 9, 1, 0))
    result = evaluate_images([sample(small, "a"), sample(NONE, "b")], [whole(0.9), NONE], CLASSES, LIMITS)
    assert result.per_class["scratch"] == 1.0
    assert np.isnan(result.per_class["pit"])
    assert result.mean_average_precision == 1.0
    assert (result.right.count, result.right.of) == (2, 2)


def test_right_wrong_escape_and_overkill_are_counted_with_their_bounds():
    truth = [whole(1), whole(1), whole(1, 1), NONE, NONE, NONE]
    found = [
        whole(0.9),
        whole(0.2),
        whole(0.4, 1),
        NONE,
        whole(0.7),
        whole(0.1),
    ]  # right, escape, review, right, overkill, right
    samples = [sample(t, str(i // 2)) for i, t in enumerate(truth)]
    result = evaluate_images(samples, found, CLASSES, LIMITS)
    assert [str(decision) for decision in result.decisions] == ["FAIL", "PASS", "REVIEW", "PASS", "FAIL", "PASS"]
    assert (result.right.count, result.right.of) == (4, 6)
    assert result.right.interval == clopper_pearson(4, 6)
    assert (result.rates.escape.count, result.rates.escape.of) == (1, 3)
    assert (result.rates.overkill.count, result.rates.overkill.of) == (1, 3)
    facts = result.as_dict()
    assert (facts["images"], facts["groups"]) == (6, 3)
    # scratch: 0.9 right, 0.7 wrong, 0.2 right → 1/2 · 1 + 1/2 · 2/3
    assert facts["image_level"]["per_class"] == {"scratch": {"AP": 0.8333}, "pit": {"AP": 1.0}}


def test_the_right_defect_under_the_wrong_name_is_no_escape_but_costs_precision():
    result = evaluate_images([sample(whole(1), "a"), sample(NONE, "b")], [whole(0.9, 1), NONE], CLASSES, LIMITS)
    assert result.rates.escape.count == 0
    assert result.per_class["scratch"] == pytest.approx(0.5)  # found nowhere: as good as guessing


def test_a_class_seen_in_several_regions_counts_once_by_its_surest():
    found = detections((0, 0, 9, 9, 0.2, 0), (9, 0, 18, 9, 0.8, 0))
    result = evaluate_images([sample(whole(1), "a"), sample(NONE, "b")], [found, whole(0.5)], CLASSES, LIMITS)
    assert result.per_class["scratch"] == 1.0


def test_no_truth_at_all_is_null_in_json():
    facts = evaluate_images([sample(NONE, "a")], [NONE], CLASSES, LIMITS).as_dict()
    assert facts["image_level"] == {"mAP": None, "per_class": {name: {"AP": None} for name in CLASSES}}
