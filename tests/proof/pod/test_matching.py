from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import detections
from lineproof.core import BoxMask, Detections
from lineproof.proof.pod.matching import match_all, match_image, sizes_px

TRUTH = detections((10, 10, 20, 20, 1, 0), (40, 10, 50, 20, 1, 1))


def mask(x: int, y: int, rows: list[str]) -> BoxMask:
    return BoxMask(x, y, np.array([[pixel == "#" for pixel in row] for row in rows]))


@pytest.mark.parametrize("rule", ["iou", "centre", "overlap"])
def test_the_truth_itself_is_found_by_every_rule(rule):
    found = detections((10, 10, 20, 20, 0.9, 0), (40, 10, 50, 20, 0.4, 1), (70, 70, 80, 80, 0.8, 0))
    match = match_image(TRUTH, found, rule=rule)
    assert match.hit_score.tolist() == pytest.approx([0.9, 0.4])
    assert match.matched.tolist() == [True, True, False]


def test_iou_lets_the_surest_choose_first_and_counts_doubles_as_false_calls():
    truth = detections((0, 0, 10, 10, 1, 0))
    found = detections((0, 0, 10, 9, 0.6, 0), (0, 0, 10, 10, 0.5, 0), (0, 0, 10, 8, 0.7, 0))
    match = match_image(truth, found)
    assert match.hit_score.tolist() == pytest.approx([0.7])
    assert match.matched.tolist() == [False, False, True]


def test_iou_gives_one_detection_to_one_defect():
    truth = detections((0, 0, 10, 10, 1, 0), (0, 0, 10, 9, 1, 0))
    one = match_image(truth, detections((0, 0, 10, 10, 0.9, 0)))
    assert one.hit_score.tolist() == pytest.approx([0.9, 0])
    two = match_image(truth, detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.3, 0)))
    assert two.hit_score.tolist() == pytest.approx([0.9, 0.3])  # the second takes what is left


@pytest.mark.parametrize(("least", "hit"), [(0.5, 0.9), (0.51, 0)])
def test_the_iou_threshold_is_included(least, hit):
    match = match_image(detections((0, 0, 10, 10, 1, 0)), detections((0, 0, 10, 5, 0.9, 0)), iou=least)
    assert match.hit_score.tolist() == pytest.approx([hit])


def test_centre_is_that_of_the_detection():
    """A frame-sized detection would otherwise find every defect."""
    whole = detections((0, 0, 100, 100, 0.9, 0))
    assert match_image(TRUTH, whole, rule="centre").hit_score.tolist() == [0, 0]
    thin = detections((12, 0, 18, 28, 0.6, 0), (12, 2, 18, 28, 0.7, 0))  # IoU 0.26, centres inside
    match = match_image(TRUTH, thin, rule="centre")
    assert match.hit_score.tolist() == pytest.approx([0.7, 0])
    assert match.matched.all()


def test_overlap_lets_one_detection_cover_several_tiny_defects():
    tiny = detections((10, 10, 12, 12, 1, 0), (14, 14, 16, 16, 1, 0), (20, 20, 22, 22, 1, 0))
    match = match_image(tiny, detections((9, 9, 17, 17, 0.8, 0)), rule="overlap")
    assert match.hit_score.tolist() == pytest.approx([0.8, 0.8, 0])
    edge = match_image(tiny, detections((12, 10, 13, 12, 0.8, 0)), rule="overlap")
    assert not edge.matched.any()  # boxes that only touch share no area


def test_overlap_of_masks_needs_a_shared_pixel():
    def one(shape: BoxMask, score: float) -> Detections:
        return Detections(np.array([shape.xyxy]), [score], [0], (shape,))

    truth = one(mask(0, 0, ["#..", "#..", "##."]), 1)
    beside, through = one(mask(1, 0, ["##", "##"]), 0.9), one(mask(1, 0, ["##", "##", "#."]), 0.8)
    assert match_image(truth, beside, rule="overlap").hit_score.tolist() == [0]
    assert match_image(truth, through, rule="overlap").hit_score.tolist() == pytest.approx([0.8])
    boxes = Detections(beside.xyxy, beside.score, beside.class_id)
    assert match_image(truth, boxes, rule="overlap").hit_score.tolist() == pytest.approx([0.9])


@pytest.mark.parametrize("rule", ["iou", "centre", "overlap"])
def test_classes_are_told_apart_unless_asked_not_to(rule):
    wrong = detections((10, 10, 20, 20, 0.9, 1))
    assert not match_image(TRUTH, wrong, rule=rule).matched.any()
    assert match_image(TRUTH, wrong, rule=rule, class_matters=False).hit_score.tolist() == pytest.approx([0.9, 0])


def test_size_is_of_the_mask_or_else_of_the_box():
    shapes = (mask(0, 0, ["####", "####"]), mask(10, 10, ["....", "...."]))
    boxes = Detections([[0, 0, 4, 4], [10, 10, 13, 22]], [1, 1], [0, 0], shapes)
    assert sizes_px(boxes).tolist() == pytest.approx([np.sqrt(8), 6])
    assert sizes_px(TRUTH).tolist() == [10, 10]


def test_all_images_are_one_table():
    none = Detections.empty()
    found = [detections((10, 10, 20, 20, 0.7, 0), (0, 0, 5, 5, 0.6, 1)), none, detections((1, 1, 3, 3, 0.2, 0))]
    table = match_all([TRUTH, none, none], found, mm_per_px=0.05)
    assert table.images == 3
    assert table.defect_image.tolist() == [0, 0]
    assert table.detection_image.tolist() == [0, 0, 2]
    assert (table.unit, table.size.tolist()) == ("mm", [0.5, 0.5])
    assert table.hit(0.5).tolist() == [True, False]
    assert table.false_call(0.5).tolist() == [False, True, False]
    assert table.false_call([0.1, 0.7]).tolist() == [False, False, True]
    assert match_all([TRUTH], [none]).unit == "px"


def test_no_image_at_all_is_an_empty_table():
    table = match_all([], [])
    assert (table.images, len(table.size), len(table.matched)) == (0, 0, 0)
    assert table.hit(0.5).tolist() == []


def test_a_score_at_the_threshold_is_a_hit_as_on_the_line():
    """0.7 as float32 lies below 0.7; the judge compares as float32, and so does this."""
    table = match_all([TRUTH], [detections((10, 10, 20, 20, 0.7, 0))])
    assert table.hit(0.7).tolist() == [True, False]


BOXES = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.integers(0, 20),
        st.integers(1, 12),
        st.integers(1, 12),
        st.floats(0.05, 1),
        st.integers(0, 1),
    ),
    max_size=6,
).map(lambda rows: detections(*((x, y, x + w, y + h, score, kind) for x, y, w, h, score, kind in rows)))


@settings(max_examples=80)
@given(BOXES, BOXES, st.sampled_from(["iou", "centre", "overlap"]), st.floats(0.06, 1), st.booleans())
def test_filtering_before_or_after_matching_is_the_same(truth, found, rule, threshold, class_matters):
    """So the threshold may be chosen on one table of matches."""
    options = {"rule": rule, "iou": 0.3, "class_matters": class_matters}
    after = match_all([truth], [found], **options)
    kept = found[found.score >= np.float32(threshold)]
    before = match_image(truth, kept, **options)
    np.testing.assert_array_equal(after.hit(threshold), before.hit_score > 0)
    assert after.false_call(threshold).sum() == (~before.matched).sum()


@settings(max_examples=80)
@given(BOXES, BOXES)
def test_looser_rules_find_no_less(truth, found):
    strict, loose = match_image(truth, found, iou=0.5), match_image(truth, found, rule="overlap")
    assert (loose.hit_score >= strict.hit_score).all()
    assert (strict.matched <= loose.matched).all()
    assert strict.matched.sum() == (strict.hit_score > 0).sum()  # one to one
    any_class = match_image(truth, found, rule="overlap", class_matters=False)
    assert (any_class.hit_score >= loose.hit_score).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "nearest"}, "expected iou, centre or overlap, got 'nearest'"),
        ({"iou": 0.0}, "iou: expected more than 0"),
        ({"iou": 1.5}, "iou: expected more than 0"),
        ({"mm_per_px": 0.0}, "mm_per_px: expected more than 0"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        match_all([TRUTH], [TRUTH], **options)


def test_thresholds_that_would_lie_are_refused():
    table = match_all([TRUTH], [TRUTH])
    with pytest.raises(ValueError, match="0 would count every miss as a hit"):
        table.hit(0)
    with pytest.raises(ValueError, match="filter the detections before matching"):
        match_all([TRUTH], [TRUTH], class_matters=False).hit([0.5, 0.5])
    with pytest.raises(ValueError, match="zip"):
        match_all([TRUTH], [])
