from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core import Decision
from lineproof.proof.claim import claims_of, percent_up
from lineproof.proof.intervals import upper_bound
from lineproof.proof.parts import Parts

P, F, R = Decision.PASS, Decision.FAIL, Decision.REVIEW


def parts(bad, group=None):
    n = len(bad)
    groups = np.arange(n) if group is None else np.array(group)
    return Parts(tuple(map(str, range(n))), np.array(bad), np.zeros((n, 1)), ("dent",), groups, (), np.zeros((n, 1)))


def test_every_part_is_counted_once_and_review_is_no_pass():
    claims = claims_of(parts([True, True, True, False, False, False]), (P, F, R, P, R, F))
    assert (claims.escape.count, claims.escape.of) == (1, 3)
    assert (claims.overkill.count, claims.overkill.of) == (2, 3)
    assert (claims.review.count, claims.review.of) == (2, 6)
    assert claims.rates.table["bad"] == {"PASS": 1, "FAIL": 1, "REVIEW": 1, "FAULT": 0}


def test_the_sentence_of_300_parts_without_a_miss():  # statistics.md §3.1: 0/300, one-sided upper 0.00993608
    claims = claims_of(parts([True] * 300 + [False]), (F,) * 300 + (P,))
    assert claims.sentence(0.95).startswith("At most 0.994 % of bad parts pass, with 95 % confidence: 0 of 300 did.")


def test_parts_of_one_group_are_worth_no_more_than_the_group():
    lone = claims_of(parts([True] * 100), (F,) * 100).escape.upper(0.95)
    grouped = claims_of(parts([True] * 100, group=[i // 10 for i in range(100)]), (F,) * 100).escape
    assert grouped.effective == 10
    assert grouped.upper(0.95) == pytest.approx(upper_bound(0, 10))
    assert grouped.upper(0.95) > lone


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0099361, "0.994 %"),
        (0.5, "50.0 %"),
        (0.0123401, "1.24 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (2e-6, "0.000200 %"),
    ],
)
def test_a_bound_is_rounded_up(share, text):
    assert percent_up(share) == text


@given(st.floats(1e-7, 1))
def test_and_never_below_what_was_shown(share):
    assert float(percent_up(share).split()[0]) >= 100 * share * (1 - 1e-9)
