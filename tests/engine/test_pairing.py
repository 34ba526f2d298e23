from __future__ import annotations

from builders import detections
from lineproof.core import Detections
from lineproof.engine.pairing import pair_detections


def test_best_overlap_first_each_once():
    a = detections((0, 0, 10, 10, 0.9, 0), (2, 0, 12, 10, 0.8, 0))
    b = detections((1.5, 0, 11.5, 10, 0.9, 0), (0, 0, 9, 10, 0.7, 0))
    assert sorted(pair_detections(a, b, min_iou=0.5)) == [(0, 1), (1, 0)]


def test_another_class_is_another_thing():
    assert pair_detections(detections((0, 0, 9, 9, 1, 0)), detections((0, 0, 9, 9, 1, 1)), min_iou=0.5) == []


def test_boxes_cut_to_a_line_at_the_edge_are_paired_in_order_of_score():
    a = detections((0, 5, 0, 9, 0.9, 0), (0, 5, 0, 9, 0.8, 0))
    assert pair_detections(a, a, min_iou=0.5) == [(0, 0), (1, 1)]


def test_nothing_has_no_partner():
    assert pair_detections(Detections.empty(), detections((0, 0, 9, 9, 1, 0)), min_iou=0.5) == []
    assert pair_detections(detections((0, 0, 9, 9, 1, 0)), Detections.empty(), min_iou=0.5) == []
