from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import detections
from lineproof.core import Decision, Sample
from lineproof.core.threshold import Threshold
from lineproof.proof.parts import parts_of
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules

CLASSES = ("dent", "scratch")
THRESHOLDS = {"dent": Threshold(0.6, 0.4), "scratch": Threshold(0.5, 0.5)}
BAD, GOOD = detections((0, 0, 9, 9, 1.0, 0)), detections()


def limits(**rules):
    return compile_limits(Rules.model_validate(rules), CLASSES, THRESHOLDS, 0.05)


def sample(name, group, *, bad):
    return Sample(Path(f"{name}.png"), (64, 48), BAD if bad else GOOD, group, "test")


def test_views_of_a_part_become_one_part():
    samples = [sample("a1", "a", bad=False), sample("b1", "b", bad=False), sample("a2", "a", bad=True)]
    found = [detections((0, 0, 9, 9, 0.2, 0)), detections(), detections((0, 0, 9, 9, 0.7, 0), (0, 0, 9, 9, 0.3, 1))]
    parts = parts_of(samples, found, limits())
    assert parts.names == ("a", "b")
    assert parts.bad.tolist() == [True, False]
    assert parts.score.round(4).tolist() == [[0.7, 0.3], [0.0, 0.0]]
    assert [rows.tolist() for rows in parts.images] == [[0, 2], [1]]
    assert parts.columns == CLASSES


@pytest.mark.parametrize(("fusion", "score"), [("any", 0.9), (1, 0.9), (2, 0.6), (3, 0.1), ("all", 0.1), (7, 0.1)])
def test_so_many_views_must_reject(fusion, score):
    samples = [sample(str(i), "a", bad=True) for i in range(3)]
    found = [detections((0, 0, 9, 9, s, 0)) for s in (0.6, 0.9, 0.1)]
    assert parts_of(samples, found, limits(), fusion=fusion).score[0, 0] == pytest.approx(score)


def test_an_image_as_the_unit_keeps_its_group_for_resampling():
    samples = [sample("a1", "a", bad=False), sample("a2", "a", bad=True), sample("b", "b", bad=True)]
    parts = parts_of(samples, [detections()] * 3, limits(), unit="image")
    assert len(parts) == 3
    assert parts.group[0] == parts.group[1] != parts.group[2]
    assert parts.names == ("a1.png", "a2.png", "b.png")
    named = parts_of(samples, [detections()] * 3, limits(), unit="image", names=["x/a", "y/a", "b"])
    assert named.names == ("x/a", "y/a", "b")


def test_what_the_rules_allow_does_not_decide():
    rules = {"classes": {"dent": {"max_count": 1, "min_area_px2": 50}, "scratch": {"ignore": True}}}
    found = detections((0, 0, 5, 5, 0.99, 0), (0, 0, 9, 9, 0.8, 0), (0, 0, 9, 9, 0.7, 0), (0, 0, 9, 9, 0.9, 1))
    parts = parts_of([sample("a", "a", bad=True)], [found], limits(**rules))
    assert parts.columns == ("dent",)
    assert parts.score.tolist() == [[pytest.approx(0.7)]]  # the small one is tolerated, one of the others allowed


boxes = st.tuples(
    st.integers(0, 40),
    st.integers(0, 30),
    st.integers(1, 20),
    st.integers(1, 15),
    st.floats(0.05, 1),
    st.integers(0, 1),
)


@settings(deadline=None)
@given(st.lists(boxes, max_size=6), st.integers(0, 2), st.integers(0, 120))
def test_the_decision_is_that_of_the_line(rows, allowed, min_area):
    found = detections(*[(x, y, x + w, y + h, s, c) for x, y, w, h, s, c in rows])
    zone = {"left": {"polygon": [(0, 0), (30, 0), (30, 48), (0, 48)]}}
    own = limits(
        zones=zone,
        default={"min_area_px2": min_area},
        classes={"dent": {"max_count": allowed, "zones": ["left"], "score": 0.6, "review_score": 0.4}},
    )
    parts = parts_of([sample("a", "a", bad=True)], [found], own)
    decided = parts.decisions([Threshold(o.score, o.review_score) for o in own])
    assert decided == (judge(found, own).decision,)


def test_no_parts_at_all():
    parts = parts_of([], [], limits())
    assert len(parts) == 0
    assert parts.decisions(list(THRESHOLDS.values())) == ()


def test_decisions_of_several_parts():
    samples = [sample(n, n, bad=True) for n in "abc"]
    found = [detections((0, 0, 9, 9, s, 0)) for s in (0.7, 0.5, 0.3)]
    decided = parts_of(samples, found, limits()).decisions(list(THRESHOLDS.values()))
    assert decided == (Decision.FAIL, Decision.REVIEW, Decision.PASS)
