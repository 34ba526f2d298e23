"""Thresholds that a proof found for zones, as the line takes them out of the bundle."""

from __future__ import annotations

import pytest

from builders import detections
from lineproof.bundle.manifest import ZoneThreshold
from lineproof.cli.assemble import bundle_limits
from lineproof.core import Decision
from lineproof.rules.judge import judge
from lineproof.rules.tolerance import Rules
from tiny_bundle import tiny_bundle

EDGE, MIDDLE = [(0, 0), (10, 0), (10, 64), (0, 64)], [(20, 0), (40, 0), (40, 64), (20, 64)]
AT_EDGE, IN_MIDDLE = detections((2, 2, 6, 6, 0.7, 0)), detections((24, 2, 28, 6, 0.7, 0))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    own = ZoneThreshold(score=0.65, review_score=0.65, polygon=EDGE)
    return tiny_bundle(tmp_path_factory.mktemp("b") / "b", zone_thresholds={"blue@edge": own})


def decide(bundle, found, **blue):
    zones = {"edge": {"polygon": EDGE}, "middle": {"polygon": MIDDLE}}
    tolerance = {"zones": ["edge", "middle"]} | blue
    rules = Rules.model_validate({"zones": zones, "classes": {"blue": tolerance}})
    verdict = judge(found, bundle_limits(bundle, rules))
    return verdict.decision, [reason.rule for reason in verdict.reasons]


def test_a_zone_has_its_own_threshold_and_the_others_the_class_s(bundle):
    assert decide(bundle, AT_EDGE) == (Decision.FAIL, ["blue@edge.score"])
    assert decide(bundle, IN_MIDDLE) == (Decision.REVIEW, ["blue@middle.score"])  # sure from 0.8, review from 0.6


def test_what_the_line_file_says_itself_comes_first(bundle):
    assert decide(bundle, AT_EDGE, score=0.9) == (Decision.REVIEW, ["blue.score"])
    assert decide(bundle, AT_EDGE, score=0.9, review_score=0.9)[0] is Decision.PASS


def test_a_zone_drawn_otherwise_is_another_zone(bundle):
    moved = {
        "zones": {"edge": {"polygon": [(0, 0), (11, 0), (11, 64), (0, 64)]}},
        "classes": {"blue": {"zones": ["edge"]}},
    }
    assert judge(AT_EDGE, bundle_limits(bundle, Rules.model_validate(moved))).decision is Decision.REVIEW


def test_where_detections_are_counted_over_zones_the_class_s_threshold_stays(bundle):
    assert decide(bundle, AT_EDGE, max_count=1) == (Decision.PASS, [])
    assert decide(bundle, detections((2, 2, 6, 6, 0.7, 0), (24, 2, 28, 6, 0.7, 0)), max_count=1)[0] is Decision.REVIEW


def test_a_line_without_zones_uses_the_class_s_threshold(bundle):
    assert judge(AT_EDGE, bundle_limits(bundle, Rules())).decision is Decision.REVIEW
