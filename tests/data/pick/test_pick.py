import numpy as np
import pytest

from builders import detections
from lineproof.core import Detections
from lineproof.core.threshold import Threshold
from lineproof.data.gap.space import distances
from lineproof.data.pick import choose, doubt_of
from lineproof.data.pick.words import reason

LIMITS = (Threshold(0.6, 0.3), Threshold(0.9, 0.9))


def scores(*rows: tuple[float, int]) -> Detections:
    return detections(*((0, 0, 10, 10, score, class_id) for score, class_id in rows))


def doubt(*rows: tuple[float, int]) -> float:
    return doubt_of(scores(*rows), LIMITS).value


def test_doubt_is_highest_in_the_review_band_and_falls_to_both_sides():
    inside = [doubt((score, 0)) for score in (0.3, 0.45, 0.6)]
    assert inside == pytest.approx([0.75] * 3)  # (1 + 1/2) / 2
    below, above = [doubt((s, 0)) for s in (0.25, 0.15, 0.06)], [doubt((s, 0)) for s in (0.7, 0.85, 0.99)]
    assert below == sorted(below, reverse=True)
    assert above == sorted(above, reverse=True)
    assert max(below[0], above[0]) < 0.75
    assert doubt() == 0
    assert max(doubt((0.0, 0)), doubt((1.0, 0))) < 0.01


def test_a_detection_is_half_as_doubtful_at_a_third_of_the_odds():
    odds = 0.3 / 0.7 / 3
    third = odds / (1 + odds)
    assert doubt_of(scores((third + 1e-6, 0)), LIMITS).value == pytest.approx((0.5 + 0.5 / 1.5) / 2, abs=1e-3)
    assert doubt_of(scores((third + 1e-6, 0)), LIMITS).rows == (0,)
    assert doubt_of(scores((third - 1e-3, 0)), LIMITS).rows == ()


def test_a_clear_detection_of_a_model_with_low_thresholds_is_no_doubt():
    """Thresholds of a real bundle of the demo: 0.04 and 0.04."""
    low = (Threshold(0.0394, 0.0394),)
    assert doubt_of(scores((0.6, 0)), low).value < 0.1 < doubt_of(scores((0.05, 0)), low).value


def test_a_class_without_a_band_is_doubtful_at_its_threshold():
    assert doubt((0.9, 1)) == pytest.approx(0.75)
    assert doubt((0.6, 1)) < 0.75


def test_more_doubtful_boxes_are_more_doubt_but_never_more_than_one():
    few, many = doubt((0.4, 0)), doubt(*[(0.4, 0)] * 3)
    assert few < many < doubt(*[(0.4, 0)] * 200) < 1


def test_fifty_weak_boxes_are_less_doubt_than_one_in_the_band():
    assert doubt(*[(0.08, 0)] * 50) < doubt((0.4, 0)) / 2


def test_the_most_doubtful_detection_comes_first():
    assert doubt_of(scores((0.95, 0), (0.25, 0), (0.4, 0)), LIMITS).rows == (2, 1)


def clusters(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Five clouds of 5, 50, 100, 10 and 35 points, far apart."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(5), (5, 50, 100, 10, 35))
    return 20 * np.eye(5)[label] + rng.normal(0, 0.5, (200, 5)), label


def pick(points: np.ndarray, count: int, **changes: object) -> list[int]:
    facts: dict[str, object] = {
        "annotated": np.zeros((0, points.shape[1])),
        "doubt": np.ones(len(points)),
        "clusters": range(len(points)),
    }
    return [each.row for each in choose(points, count, **{**facts, **changes})]


def test_five_picks_cover_five_clouds_whatever_their_size():
    points, label = clusters()
    assert sorted(label[pick(points, 5)]) == [0, 1, 2, 3, 4]
    assert distances(points, points[pick(points, 5)]).min(1).max() < 5


def test_clouds_that_are_annotated_come_last():
    points, label = clusters()
    known = points[[np.flatnonzero(label == cloud)[0] for cloud in (0, 2)]]
    assert sorted(label[pick(points, 3, annotated=known)]) == [1, 3, 4]


def test_among_images_equally_new_the_doubtful_come_first():
    """One cloud: the doubtful fifth is picked before any other."""
    points = np.random.default_rng(0).normal(size=(50, 30))
    doubtful = np.zeros(50)
    doubtful[:10] = 1
    assert set(pick(points, 10, doubt=doubtful)) == set(range(10))


def test_a_sure_image_is_picked_when_nothing_like_it_was_ever_seen():
    points, label = clusters()
    doubtful = (label == 1).astype(float)
    assert 4 in label[pick(points, 8, doubt=doubtful, annotated=points[label != 4][::20])]


def test_one_of_near_duplicates_and_none_of_what_is_annotated():
    points, _ = clusters()
    same = np.arange(200) // 10  # ten alike, each
    chosen = pick(points, 200, clusters=same, seen=[0, 3])
    assert sorted(same[chosen]) == [number for number in range(20) if number not in (0, 3)]


def test_the_first_of_all_is_the_ordinary_one_and_has_no_distance():
    points = np.array([[0.0, 0], [1, 0], [0, 1], [-1, 0], [0, -9]])
    first, second = choose(points, 2, annotated=np.zeros((0, 2)), doubt=np.ones(5), clusters=range(5))
    assert (first.row, first.distance) == (0, None)
    assert second.row == 4
    assert second.distance == pytest.approx(np.hypot(*(points[first.row] - points[4])))


def test_more_asked_for_than_there_are():
    points, _ = clusters()
    assert sorted(pick(points, 1000)) == list(range(200))


def test_reasons_in_words():
    found = scores((0.42, 0), (0.95, 0), (0.31, 0))
    told = reason(found, doubt_of(found, LIMITS), ("scratch", "pit"), LIMITS, 2.04)
    assert told.startswith("doubts scratch 0.42 and 1 more (for review from 0.30 to 0.60); unlike anything annotated")
    assert "2.0 ×" in told
    assert reason(scores(), doubt_of(scores(), LIMITS), ("scratch", "pit"), LIMITS, None) == (
        "nothing found; the first of all"
    )
    assert reason(scores(), doubt_of(scores(), LIMITS), (), (), 0.5) == "close to another (0.5 ×)"
