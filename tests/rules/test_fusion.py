"""Views of a part to its one decision."""

from __future__ import annotations

from itertools import product

import pytest

from lineproof.core import Decision
from lineproof.rules.fusion import fused, in_words, needed

PASS, FAIL, REVIEW, FAULT = Decision.PASS, Decision.FAIL, Decision.REVIEW, Decision.FAULT


@pytest.mark.parametrize(
    ("decisions", "fusion", "expected"),
    [
        ([PASS, PASS], "any", PASS),
        ([PASS, FAIL], "any", FAIL),
        ([PASS, REVIEW], "any", REVIEW),
        ([PASS, FAIL], "all", PASS),
        ([REVIEW, FAIL], "all", REVIEW),
        ([FAIL, FAIL], "all", FAIL),
        ([FAIL, FAIL, PASS], 2, FAIL),
        ([FAIL, REVIEW, PASS], 2, REVIEW),
        ([FAIL, PASS, PASS], 2, PASS),
        ([FAIL], 2, FAIL),  # a part of one view only
        ([FAIL, FAULT], "all", FAULT),
        ([PASS, PASS, FAULT], 3, FAULT),
    ],
)
def test_one_decision_of_several(decisions, fusion, expected):
    assert fused(decisions, fusion) is expected


def test_a_worse_view_never_makes_a_better_part():
    order = [PASS, REVIEW, FAIL]
    for views in product(order, repeat=3):
        for fusion in ("any", "all", 1, 2, 3):
            for at, view in enumerate(views):
                for worse in order[order.index(view) :]:
                    changed = [*views[:at], worse, *views[at + 1 :]]
                    assert order.index(fused(changed, fusion)) >= order.index(fused(views, fusion))


def test_how_many_and_in_words():
    assert [needed(fusion, 3) for fusion in ("any", "all", 2, 9)] == [1, 3, 2, 3]
    assert [in_words(fusion) for fusion in ("any", "all", 1, 2)] == ["any view", "all views", "any view", "2 views"]
