from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.core.boxes import box_iou
from lineproof.engine import nms
from lineproof.engine.decode import Candidates, find_candidates
from lineproof.engine.nms import average, suppress
from lineproof.errors import EngineError


def boxes(count: int) -> np.ndarray:
    return np.tile(np.array([0, 0, 8, 8], np.float32), (count, 1))


def test_every_class_above_the_floor_is_kept_not_only_the_best_of_a_box():
    scores = np.array([[0.9, 0.3, 0.1], [0.0, 0.05, 0.2]], np.float32)
    found = find_candidates(boxes(2), scores, 0.1)
    assert sorted(zip(found.anchor.tolist(), found.class_id.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 2)]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.5, -0.2])
def test_a_score_that_is_none_is_an_error_even_where_nothing_else_is_found(wrong):
    scores = np.zeros((5, 2), np.float32)
    scores[3, 1] = wrong
    with pytest.raises(EngineError, match="scores"):
        find_candidates(boxes(5), scores, 0.1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_box_that_is_none_is_an_error(wrong):
    rows = boxes(2)
    rows[1, 2] = wrong
    with pytest.raises(EngineError, match="boxes"):
        find_candidates(rows, np.zeros((2, 2), np.float32), 0.1)


def test_half_precision_scores_a_hair_above_one_are_one():
    found = find_candidates(boxes(1), np.array([[1.0005]], np.float32), 0.1)
    assert found.score.tolist() == [1.0]


def candidates(count: int, seed: int, classes: int, spread: float = 100.0) -> Candidates:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (count, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(1, 60, (count, 2))], 1).astype(np.float32)
    return Candidates(xyxy, rng.random(count, np.float32), rng.integers(0, classes, count), np.arange(count))


def naive(found: Candidates, iou: float, limit: int) -> list[int]:
    """Greedy suppression as the textbook has it."""
    kept: list[int] = []
    for row in np.argsort(-found.score, kind="stable").tolist():
        mates = [k for k in kept if found.class_id[k] == found.class_id[row]]
        if not mates or box_iou(found.xyxy[[row]], found.xyxy[mates]).max() <= iou:
            kept.append(row)
    return kept[:limit]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 120), st.integers(0, 2**31), st.integers(1, 4), st.sampled_from([0.3, 0.5, 0.7]))
def test_suppression_is_the_textbook_one(count, seed, classes, iou):
    found = candidates(count, seed, classes)
    assert suppress(found, iou=iou, limit=300).tolist() == naive(found, iou, 300)


def test_blocks_do_not_change_the_answer(monkeypatch):
    found = candidates(500, 7, 3)
    whole = suppress(found, iou=0.5, limit=300).tolist()
    monkeypatch.setattr(nms, "BLOCK", 16)
    assert suppress(found, iou=0.5, limit=300).tolist() == whole == naive(found, 0.5, 300)


def test_thirty_thousand_candidates_meet_only_the_few_that_stay(monkeypatch):
    """Pairwise work is counted, not timed: 30,000² would be 9 × 10⁸ pairs."""
    pairs = 0

    def counting(a, b):
        nonlocal pairs
        pairs += len(a) * len(b)
        return box_iou(a, b)

    monkeypatch.setattr(nms, "box_iou", counting)
    found = candidates(30_000, 1, 6, spread=600)
    kept = suppress(found, iou=0.7, limit=301)
    assert len(kept) == 301
    assert (np.diff(found.score[kept]) <= 0).all()
    assert pairs < 30_000 * 301


def test_the_limit_keeps_the_surest():
    found = candidates(200, 3, 2, spread=5000)
    assert suppress(found, iou=0.5, limit=10).tolist() == naive(found, 0.5, 10)


def test_the_same_box_stays_once_per_class():
    xyxy = np.tile(np.array([[0, 0, 10, 10]], np.float32), (4, 1))
    found = Candidates(xyxy, np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([0, 1, 0, 1]), np.arange(4))
    assert suppress(found, iou=0.5, limit=10).tolist() == [0, 1]


def mean_of_voters(found: Candidates, row: int, iou: float) -> np.ndarray:
    """Where one box lies, voter by voter."""
    total, place = 0.0, np.zeros(4)
    for voter in range(len(found)):
        overlap = float(box_iou(found.xyxy[[row]], found.xyxy[[voter]])[0, 0])
        if found.class_id[voter] == found.class_id[row] and overlap > iou:
            vote = float(found.score[voter]) * (overlap - iou) ** 0.5
            total += vote
            place += vote * found.xyxy[voter]
    return place / total


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 120), st.integers(0, 2**31), st.integers(1, 4), st.sampled_from([0.3, 0.5, 0.7]))
def test_a_box_lies_at_the_mean_of_those_that_it_stands_for(count, seed, classes, iou):
    found = candidates(count, seed, classes)
    rows = suppress(found, iou=iou, limit=300)
    placed = average(found, rows, iou=iou)
    assert placed.dtype == np.float32
    np.testing.assert_allclose(placed, [mean_of_voters(found, row, iou) for row in rows], atol=2e-4)


def pair(second: list[float], class_id: int = 0) -> Candidates:
    """A sure box of class 0, 100 px wide, and another."""
    xyxy = np.array([[0, 0, 100, 100], second], np.float32)
    return Candidates(xyxy, np.array([0.8, 0.4], np.float32), np.array([0, class_id]), np.arange(2))


def first_placed(found: Candidates) -> list[float]:
    return average(found, np.array([0]), iou=0.5)[0].tolist()


def test_half_as_sure_and_less_alike_counts_less():
    """It overlaps by 0.8: a vote of 0.4 · √0.3 against 0.8 · √0.5."""
    assert first_placed(pair([0, 0, 80, 100])) == pytest.approx([0, 0, 100 - 20 * 0.2191 / 0.7848, 100], abs=1e-3)


@pytest.mark.parametrize("other", [pair([0, 0, 80, 100], class_id=1), pair([60, 0, 160, 100]), pair([300, 0, 400, 9])])
def test_another_defect_does_not_move_it(other):
    assert first_placed(other) == [0, 0, 100, 100]


def test_nothing_jumps_where_a_box_comes_to_count():
    """One overlaps by a hair less than the half, the other by a hair more."""
    assert first_placed(pair([0, 0, 49.9999, 100])) == [0, 0, 100, 100]
    assert first_placed(pair([0, 0, 50.0001, 100])) == pytest.approx([0, 0, 100, 100], abs=0.1)


def test_a_box_without_area_and_no_box_at_all_stay():
    found = pair([0, 0, 80, 100])
    found.xyxy[0] = [5, 5, 5, 5]
    assert first_placed(found) == [5, 5, 5, 5]
    assert average(found, np.array([], np.intp), iou=0.5).shape == (0, 4)
