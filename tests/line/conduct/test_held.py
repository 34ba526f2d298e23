from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builders import frame
from lineproof.line.conduct.held import Early, Held

MS = 1_000_000
PICTURE = frame("x")


def at(*moments_ms: int, lead_ms: float = 20) -> Held:
    held = Held(lead_ms)
    for moment in moments_ms:
        held.put(Early(PICTURE, moment * MS))
    return held


def test_a_picture_is_handed_over_once():
    held = at(100)
    assert [one.exposed_ns for one in held.take(90 * MS)] == [100 * MS]
    assert held.take(90 * MS) == []


def test_what_is_too_old_is_let_go():
    assert [one.exposed_ns // MS for one in at(100, 121).take(0)] == [121]
    assert at(100).take(100 * MS) == []


def test_two_within_the_lead_are_both_told():
    assert len(at(100, 110).take(95 * MS)) == 2


def test_without_a_lead_nothing_is_held():
    assert at(100, 101, lead_ms=0).take(0) == []


@given(st.lists(st.integers(0, 1000), max_size=50).map(sorted), st.integers(1, 100))
def test_never_more_than_one_lead_is_kept(moments, lead_ms):
    kept = [one.exposed_ns // MS for one in at(*moments, lead_ms=lead_ms).take(-1)]
    assert kept == [moment for moment in moments if moment > moments[-1] - lead_ms]
