from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from lineproof.core import Detections
from lineproof.proof.thresholds import FALLBACK, choose_thresholds


def parts(bad_scores: list[float], clean_scores: list[float]) -> tuple[list[Detections], list[Detections]]:
    box = (0, 0, 9, 9)
    truth = [detections((*box, 1, 0)) for _ in bad_scores] + [Detections.empty() for _ in clean_scores]
    found = [detections((*box, score, 0)) for score in (*bad_scores, *clean_scores)]
    return truth, found


def test_separable_scores_are_cut_in_the_middle():
    threshold = choose_thresholds(*parts([0.8] * 10, [0.2] * 10), ["pit"], 0.05)["pit"]
    assert threshold.score == 0.5
    assert 0.2 <= threshold.review_score <= 0.5


def test_the_review_band_reaches_down_to_the_weakest_bad_part():
    threshold = choose_thresholds(*parts([0.9] * 19 + [0.3], [0.1] * 50 + [0.5] * 2), ["pit"], 0.05)["pit"]
    assert threshold.score > 0.5
    assert threshold.review_score < 0.3


def test_the_reviewer_is_not_flooded():
    threshold = choose_thresholds(*parts([0.9] * 19 + [0.06], [0.4] * 100), ["pit"], 0.05)["pit"]
    assert threshold.review_score >= 0.4


def test_too_few_parts_fall_back():
    assert choose_thresholds(*parts([0.9] * 4, [0.1] * 50), ["pit"], 0.05)["pit"] == FALLBACK


def test_a_class_never_found_still_has_a_threshold():
    truth = [detections((0, 0, 9, 9, 1, 0))] * 8
    assert choose_thresholds(truth, [Detections.empty()] * 8, ["pit"], 0.05)["pit"].score == FALLBACK.score


scores = st.lists(st.floats(0.05, 1).map(lambda v: float(np.float32(v))), min_size=5, max_size=40)


@given(scores, scores)
def test_thresholds_are_ordered_and_above_the_floor(bad, clean):
    threshold = choose_thresholds(*parts(bad, clean), ["pit"], 0.05)["pit"]
    assert 0.05 <= threshold.review_score <= threshold.score <= 1
