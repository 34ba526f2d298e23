from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders import detections
from lineproof.core import Decision, Sample
from lineproof.core.threshold import Threshold
from lineproof.proof.defects import defects_of, stopping
from lineproof.proof.parts import parts_of
from lineproof.proof.seen import Seen
from lineproof.proof.worst import worst_of
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

CLASSES = ("dent", "scratch")
THRESHOLDS = {"dent": Threshold(0.6, 0.4), "scratch": Threshold(0.5, 0.5)}
DENT = (0, 0, 10, 10)


def limits(**rules):
    return compile_limits(Rules.model_validate(rules), CLASSES, THRESHOLDS, 0.05)


def seen(*rows):
    """Rows of (group, truth, found)."""
    samples = [Sample(Path(f"{i}.png"), (64, 48), truth, group, "test") for i, (group, truth, _) in enumerate(rows)]
    n = len(rows)
    return Seen(samples, [f"{i}.png" for i in range(n)], [f for *_, f in rows], np.ones(n), np.ones(n), np.ones(n))


def defects(view, rule="iou", **rules):
    own = limits(**rules)
    return defects_of(view, parts_of(view.samples, view.found, own), own, rule=rule)


def test_a_defect_is_seen_when_it_stops_its_part():
    view = seen(
        ("a", detections((*DENT, 1, 0)), detections((*DENT, 0.45, 0))),  # for review
        ("b", detections((*DENT, 1, 0)), detections((*DENT, 0.39, 0))),  # too faint
        ("c", detections((*DENT, 1, 0)), detections()),
        ("d", detections(), detections((*DENT, 0.9, 0))),
    )
    found = defects(view)
    assert found.seen.tolist() == [True, False, False]
    assert found.scores.tolist() == pytest.approx([0.45, 0.39, 0.0])
    assert found.image.tolist() == [0, 1, 2]
    assert found.matches.matched.tolist() == [True, False]  # the false call on d


def test_a_part_seen_in_several_views_counts_its_defects_once():
    bad = detections((*DENT, 1, 0))
    view = seen(("a", detections(), detections()), ("a", bad, detections((*DENT, 0.9, 0))), ("a", bad, detections()))
    found = defects(view)
    assert found.image.tolist() == [1]
    assert found.seen.tolist() == [True]


def test_a_part_shown_again_counts_its_defects_once_for_a_probability():
    bad = detections((*DENT, 1, 0))
    view = seen(("a", bad, detections((*DENT, 0.9, 0))), ("b", bad, detections()), ("a", bad, detections()))
    own = limits()
    parts = parts_of(view.samples, view.found, own, unit="image")
    assert defects_of(view, parts, own, rule="iou").seen.tolist() == [True, False, False]
    assert defects_of(view, parts, own, rule="iou", once=True).image.tolist() == [0, 1]


def test_what_the_line_tolerates_is_no_defect():
    view = seen(("a", detections((*DENT, 1, 0), (20, 20, 24, 24, 1, 0), (30, 0, 40, 9, 1, 1)), detections()))
    found = defects(view, default={"min_area_px2": 50}, classes={"scratch": {"ignore": True}})
    assert found.limit == ("dent",)
    assert found.matches.size.tolist() == [10.0]


def test_stopping_keeps_what_reaches_a_threshold():
    found = detections((*DENT, 0.41, 0), (*DENT, 0.41, 1), (*DENT, 0.39, 0))
    assert stopping(found, limits()).score.tolist() == pytest.approx([0.41])


def worst(view):
    own = limits()
    parts = parts_of(view.samples, view.found, own)
    decisions = parts.decisions([Threshold(limit.score, limit.review_score) for limit in own])
    return decisions, worst_of(parts, decisions, defects_of(view, parts, own, rule="iou"), "px")


def test_the_worst_come_first_with_the_reason():
    big = (0, 0, 30, 30)
    decisions, found = worst(
        seen(
            ("small", detections((*DENT, 1, 0)), detections((*DENT, 0.2, 0))),
            ("big", detections((*big, 1, 1)), detections()),
            ("faint", detections(), detections((*DENT, 0.45, 0))),
            ("sure", detections(), detections((*DENT, 0.95, 0))),
            ("fine", detections(), detections()),
        )
    )
    assert decisions == (Decision.PASS, Decision.PASS, Decision.REVIEW, Decision.FAIL, Decision.PASS)
    assert [(p.part, p.words) for p in found.escapes] == [
        ("big", "scratch of 30 px passed: nothing found there"),
        ("small", "dent of 10 px passed: found with 0.20 only"),
    ]
    assert [(p.part, p.words) for p in found.overkill] == [("sure", "FAIL: dent 0.95"), ("faint", "REVIEW: dent 0.45")]
    assert [(p.part, p.words) for p in found.suspects] == [
        ("sure", "labelled good; the model sees dent with 0.95"),
        ("big", "labelled scratch, 30 px; the model sees nothing at all"),
    ]


def test_a_flawless_model_has_nothing_to_show():
    _, found = worst(
        seen(("a", detections((*DENT, 1, 0)), detections((*DENT, 0.9, 0))), ("b", detections(), detections()))
    )
    assert (found.escapes, found.overkill, found.suspects) == ((), (), ())


def test_overkill_is_shown_on_the_view_that_caused_it():
    _, found = worst(seen(("a", detections(), detections()), ("a", detections(), detections((*DENT, 0.9, 0)))))
    assert [part.image for part in found.overkill] == [1]
