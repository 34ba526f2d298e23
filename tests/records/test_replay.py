"""Two rows of one image: what is the same, what is different, and by how much."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import detections, inspection
from lineproof.core import Decision, Inspection, Reason, Verdict
from lineproof.records.replay import Tolerance, compare, pair, same_words
from lineproof.records.rows import row_of

TOLERANCE = Tolerance(score=0.02, box_iou=0.9, floor=0.1)
FAIL = Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: score 0.90 ≥ 0.50", 0),))
ONE = inspection("p", FAIL, detections=detections((10, 10, 110, 110, 0.9, 0), (200, 0, 240, 50, 0.3, 0)))


def different(one: Inspection, other: Inspection) -> list[str]:
    told = compare(row_of(one, "", None, ""), row_of(other, "", None, ""), TOLERANCE)
    assert told.same == all(field.same for field in told.fields)
    return [field.name for field in told.fields if not field.same]


def changed(**changes: object) -> Inspection:
    return replace(ONE, **changes)


def found(*rows: tuple[float, float, float, float, float, int]) -> Inspection:
    return changed(detections=detections(*rows))


FIRST, SECOND = (10, 10, 110, 110, 0.9, 0), (200, 0, 240, 50, 0.3, 0)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (ONE, []),
        (found(SECOND, FIRST), []),
        (found((10, 10, 110, 110, 0.885, 0), SECOND), []),
        (found((10, 10, 110, 110, 0.87, 0), SECOND), ["scores"]),
        (found((12, 10, 112, 110, 0.9, 0), SECOND), []),
        (found((30, 10, 130, 110, 0.9, 0), SECOND), ["boxes"]),
        (found((90, 10, 190, 110, 0.9, 0), SECOND), ["detections"]),
        (found(FIRST), ["detections"]),
        (found(FIRST, SECOND, (0, 0, 5, 5, 0.115, 0)), []),
        (found(FIRST, SECOND, (0, 0, 5, 5, 0.2, 0)), ["detections"]),
        (changed(verdict=Verdict(Decision.PASS)), ["decision", "rules", "thresholds and reasons"]),
        (
            changed(verdict=Verdict(Decision.REVIEW, FAIL.reasons)),
            ["decision"],
        ),
        (
            changed(verdict=Verdict(Decision.FAIL, (Reason("scratch.score", "scratch: score 0.90 ≥ 0.70"),))),
            ["thresholds and reasons"],
        ),
        (changed(provenance=replace(ONE.provenance, bundle_digest="1" * 64)), ["bundle_digest"]),
        (changed(provenance=replace(ONE.provenance, line_digest="1" * 64)), ["line_digest"]),
        (changed(provenance=replace(ONE.provenance, provider="CUDAExecutionProvider")), []),
        (changed(image_wh=(65, 48)), ["image_width"]),
    ],
)
def test_what_makes_a_difference(other, names):
    assert different(ONE, other) == names


def test_the_same_run_is_identical_and_a_near_one_is_not():
    row = row_of(ONE, "", None, "")
    assert compare(row, row, TOLERANCE).identical
    near = compare(row, row_of(found((10, 10, 110, 110, 0.885, 0), SECOND), "", None, ""), TOLERANCE)
    assert (near.same, near.identical) == (True, False)
    assert near.max_score_difference == pytest.approx(0.015, abs=1e-6)


def test_a_fault_was_given_by_the_line_and_only_its_evidence_is_compared():
    late = changed(verdict=Verdict(Decision.FAULT, (Reason("deadline", "late"),)))
    assert different(late, ONE) == []
    assert different(late, found(FIRST)) == ["detections"]


def test_classes_are_never_paired_with_each_other():
    other = changed(classes=("dent",))
    assert different(ONE, other) == ["detections"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("score 0.90 ≥ 0.50", "score 0.90 ≥ 0.50", True),
        ("score 0.90 ≥ 0.50", "score 0.88 ≥ 0.50", True),
        ("score 0.90 ≥ 0.50", "score 0.85 ≥ 0.50", False),
        ("score 0.90 ≥ 0.50", "score 0.90 ≥ 0.50; 2 found", False),
        ("scratch: 3 found", "dent: 3 found", False),
    ],
)
def test_words_with_numbers(one, other, same):
    assert same_words(one, other, 0.02) is same


boxes = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(0, 9), st.integers(0, 9), st.sampled_from("ab")),
    max_size=8,
)


def as_found(rows) -> list[dict[str, object]]:
    return [{"class": c, "score": 0.5, "box": [x, y, x + w, y + h]} for x, y, w, h, c in rows]


@given(one=boxes, other=boxes)
def test_each_detection_has_one_partner_at_most(one, other):
    left, right = as_found(one), as_found(other)
    pairs = pair(left, right)
    assert len({id(a) for a, *_ in pairs}) == len(pairs) == len({id(b) for _, b, _ in pairs})
    assert all(a["class"] == b["class"] and overlap >= 0.5 for a, b, overlap in pairs)
    assert len(pair(left, left)) == len(left)
