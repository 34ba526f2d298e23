from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import detections
from lineproof.core import Decision, Detections
from lineproof.core.threshold import Threshold
from lineproof.errors import SettingsError
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules
from lineproof.settings import parse_settings

CLASSES = ("scratch", "pit")
THRESHOLDS = {"scratch": Threshold(0.5, 0.5), "pit": Threshold(0.5, 0.3)}


def limits(**rules: object):
    return compile_limits(parse_settings(rules, Rules, "rules"), CLASSES, THRESHOLDS, 0.05)


def decide(found: Detections, **rules: object) -> Decision:
    return judge(found, limits(**rules)).decision


@pytest.mark.parametrize(
    ("rows", "rules", "decision"),
    [
        ([], {}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)], {}, "FAIL"),
        ([(0, 0, 9, 9, 0.4, 0)], {}, "PASS"),
        ([(0, 0, 9, 9, 0.4, 1)], {}, "REVIEW"),  # the bundle's own review band
        ([(0, 0, 9, 9, 0.4, 1), (0, 0, 9, 9, 0.6, 0)], {}, "FAIL"),  # FAIL outranks REVIEW
        ([(0, 0, 9, 9, 0.6, 0)], {"classes": {"scratch": {"score": 0.7}}}, "REVIEW"),  # the bundle was sure here
        ([(0, 0, 9, 9, 0.6, 0)], {"classes": {"scratch": {"score": 0.7, "review_score": 0.7}}}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)], {"classes": {"scratch": {"min_area_px2": 82}}}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)], {"mm_per_px": 0.1, "classes": {"scratch": {"min_area_mm2": 0.81}}}, "FAIL"),
        ([(0, 0, 9, 9, 0.6, 0)], {"mm_per_px": 0.1, "classes": {"scratch": {"min_area_mm2": 0.82}}}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)], {"classes": {"scratch": {"max_count": 1}}}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)] * 2, {"classes": {"scratch": {"max_count": 1}}}, "FAIL"),
        ([(0, 0, 9, 9, 0.6, 1), (0, 0, 9, 9, 0.4, 1)], {"classes": {"pit": {"max_count": 1}}}, "REVIEW"),
        ([(0, 0, 9, 9, 0.6, 0)], {"classes": {"scratch": {"ignore": True}}}, "PASS"),
        ([(0, 0, 9, 9, 0.6, 0)], {"default": {"ignore": True}}, "PASS"),
    ],
)
def test_decisions(rows, rules, decision):
    assert decide(detections(*rows), **rules) == decision


def test_a_zone_counts_box_centres_inside_it():
    rules = {
        "zones": {"left": {"polygon": [[0, 0], [50, 0], [50, 100], [0, 100]]}},
        "classes": {"scratch": {"zones": ["left"]}},
    }
    assert decide(detections((30, 30, 60, 60, 0.9, 0)), **rules) == "FAIL"
    assert decide(detections((45, 30, 75, 60, 0.9, 0)), **rules) == "PASS"


def test_every_reason_names_its_rule_and_its_detection():
    verdict = judge(detections((0, 0, 9, 9, 0.2, 0), (0, 0, 9, 9, 0.6, 0)), limits())
    assert [(r.rule, r.detection) for r in verdict.reasons] == [("scratch.score", 1)]
    assert "0.60 ≥ 0.50" in verdict.reasons[0].text


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"classes": {"scratch": {"scor": 0.5}}}, r"classes\.scratch\.scor: unknown key, did you mean 'score'\?"),
        ({"classes": {"scrach": {}}}, "no such class.*it has scratch, pit"),
        ({"classes": {"pit": {"min_area_mm2": 1}}}, "needs mm_per_px"),
        ({"classes": {"pit": {"zones": ["rim"]}}}, "no zone named 'rim'"),
        ({"classes": {"pit": {"score": 0.01, "review_score": 0.01}}}, "below the bundle's score floor 0.05"),
        ({"classes": {"pit": {"score": 0.2, "review_score": 0.4}}}, "swap them"),
        ({"classes": {"pit": {"review_score": 0.9}}}, "above the bundle's threshold"),
    ],
)
def test_a_rule_that_cannot_act_is_refused(rules, message):
    with pytest.raises(SettingsError, match=message):
        limits(**rules)


rows = st.tuples(st.just(0), st.just(0), st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 1), st.integers(0, 1))
RANK = {Decision.PASS: 0, Decision.REVIEW: 1, Decision.FAIL: 2}


@given(st.lists(rows, max_size=6), rows)
def test_one_more_defect_never_makes_a_part_better(some, one):
    assert RANK[decide(detections(*some, one))] >= RANK[decide(detections(*some))]


@given(st.lists(rows, max_size=6), st.randoms())
def test_the_order_of_detections_does_not_matter(some, random):
    shuffled = random.sample(some, len(some))
    assert decide(detections(*some)) is decide(detections(*shuffled))
