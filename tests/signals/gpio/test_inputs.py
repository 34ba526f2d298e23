"""Edges to commands; encoder lines to counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Acknowledged, Enabled, ResetAsked
from lineproof.signals.gpio.inputs import Debounce, Inputs, PartSeen
from lineproof.signals.gpio.lines import LineEdge
from lineproof.signals.gpio.quadrature import COUNT_MODULUS, Quadrature
from lineproof.signals.gpio.settings import GpioSettings

MS = 1_000_000
TRIGGER, ACK, RESET, ENABLE = 1, 2, 3, 4
SETTINGS = GpioSettings(
    inputs={
        "trigger": {"offset": TRIGGER},
        "ack": {"offset": ACK},
        "reset": {"offset": RESET},
        "enable": {"offset": ENABLE},
    },
    debounce_ms=2,
    min_spacing_ms=20,
)


def edge(offset: int, active: bool, at_ms: float) -> LineEdge:
    return LineEdge(offset, active, int(at_ms * MS))


def asked(*edges: LineEdge, debounced: bool = True, seq: int = 0, since_ms: float | None = None) -> list[object]:
    inputs = Inputs(SETTINGS, debounced=debounced)
    since_ns = None if since_ms is None else int(since_ms * MS)
    return [one for each in edges for one in inputs.asked(each, readable_seq=seq, readable_ns=since_ns)]


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([edge(TRIGGER, True, 5)], [PartSeen(5 * MS)]),
        ([edge(TRIGGER, False, 5)], []),
        ([edge(RESET, True, 5), edge(RESET, False, 9)], [ResetAsked()]),
        ([edge(ENABLE, True, 5), edge(ENABLE, False, 9)], [Enabled(on=True), Enabled(on=False)]),
        ([edge(TRIGGER, True, 0), edge(TRIGGER, False, 10), edge(TRIGGER, True, 19)], [PartSeen(0)]),
        ([edge(TRIGGER, True, 0), edge(TRIGGER, False, 10), edge(TRIGGER, True, 20)], [PartSeen(0), PartSeen(20 * MS)]),
    ],
    ids=["trigger", "its end", "reset", "enable", "too close", "close enough"],
)
def test_edges_ask(edges, found):
    assert asked(*edges) == found


@pytest.mark.parametrize(
    ("seq", "since_ms", "found"),
    [(0, None, []), (7, 4, [Acknowledged(7)]), (7, 5, [Acknowledged(7)]), (7, 6, [])],
    ids=["nothing shown", "shown before", "at once", "meant for another one"],
)
def test_an_acknowledgement_is_of_the_result_that_stood_there(seq, since_ms, found):
    assert asked(edge(ACK, True, 5), seq=seq, since_ms=since_ms) == found


def test_ack_and_reset_may_be_one_line():
    both = GpioSettings(inputs={"ack": {"offset": 2}, "reset": {"offset": 2}})
    inputs = Inputs(both, debounced=True)
    assert inputs.asked(edge(2, True, 5), readable_seq=3, readable_ns=0) == [Acknowledged(3), ResetAsked()]


def test_bounce_of_the_closing_and_of_the_opening_contact_is_no_trigger():
    closing = [edge(TRIGGER, at % 2 == 0, at * 0.5) for at in range(7)]
    opening = [edge(TRIGGER, at % 2 == 1, 50 + at * 0.5) for at in range(7)]
    assert asked(*closing, *opening, debounced=False) == [PartSeen(0)]


def test_what_does_not_count_is_counted():
    inputs = Inputs(SETTINGS, debounced=False)
    for at in range(7):
        inputs.asked(edge(TRIGGER, at % 2 == 0, at * 0.5), readable_seq=0, readable_ns=None)
    assert inputs.bounced == 3


@given(gaps=st.lists(st.integers(1, 50 * MS), max_size=60), quiet_ms=st.integers(0, 10), spacing_ms=st.integers(0, 40))
def test_triggers_are_never_closer_than_agreed(gaps, quiet_ms, spacing_ms):
    debounce, at_ns, counted = Debounce(quiet_ms * MS, spacing_ms * MS), 0, []
    for number, gap_ns in enumerate(gaps):
        at_ns += gap_ns
        if debounce.rises(LineEdge(1, number % 2 == 0, at_ns)):
            counted.append(at_ns)
    assert all(later - earlier >= max(spacing_ms, quiet_ms) * MS for earlier, later in pairwise(counted))


A, B = 8, 9
FORWARD = [(A, True), (B, True), (A, False), (B, False)]
BACKWARD = [(B, True), (A, True), (B, False), (A, False)]


@pytest.mark.parametrize(("turn", "count"), [(FORWARD, 4), (BACKWARD, COUNT_MODULUS - 4), ([*FORWARD, *BACKWARD], 0)])
def test_a_turn_of_the_encoder_is_four_counts(turn, count):
    quadrature = Quadrature(A, B, a=False, b=False)
    assert all(quadrature.take(LineEdge(offset, active, 0)) for offset, active in turn)
    assert quadrature.count == count


def test_an_edge_that_was_lost_is_noticed():
    quadrature = Quadrature(A, B, a=False, b=False)
    assert quadrature.take(LineEdge(A, True, 0))
    assert not quadrature.take(LineEdge(A, True, 1))


@given(steps=st.lists(st.booleans(), max_size=200), start=st.integers(0, 3))
def test_counts_are_the_sum_of_the_steps(steps, start):
    states = [(False, False), (True, False), (True, True), (False, True)]
    at = start
    quadrature = Quadrature(A, B, a=states[at][0], b=states[at][1])
    for forward in steps:
        before, at = states[at % 4], at + (1 if forward else -1)
        after = states[at % 4]
        changed = (A, after[0]) if before[0] != after[0] else (B, after[1])
        assert quadrature.take(LineEdge(*changed, 0))
    assert quadrature.count == (at - start) % COUNT_MODULUS
