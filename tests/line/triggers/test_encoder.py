"""Encoder counts to triggers: each place on the belt once, whatever the encoder does."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Outcome, PartResult, State, StationView, Triggered
from lineproof.errors import SettingsError, SignalError
from lineproof.line.triggers.encoder import COUNT_MODULUS, EncoderSettings, EncoderTrigger, Pitches
from lineproof.settings import parse_settings

START = COUNT_MODULUS - 50  # every walk from here wraps


def crossings(positions: list[int], start: int = START, **settings: object) -> list[int]:
    """Boundaries relative to the start."""
    pitches = Pitches(EncoderSettings(**settings))
    found = []
    for position in positions:
        crossed = pitches.moved_to((start + position) % COUNT_MODULUS)
        assert crossed is not None, position
        found += [(count - start) % COUNT_MODULUS for count in crossed]
    return found


@pytest.mark.parametrize(
    ("positions", "settings", "found"),
    [
        ([0, 99, 100, 101], {"pitch": 100}, [100]),
        ([0, 99, 100, 99, 100, 99, 100], {"pitch": 100}, [100]),
        ([0, 150, 40, 160, 210], {"pitch": 100}, [100, 200]),
        ([0, 350], {"pitch": 100}, [100, 200, 300]),
        ([0, 10, 99, 100], {"pitch": 100, "offset": 10}, [10]),
        ([0, 10, 109, 110], {"pitch": 100, "offset": 10}, [10, 110]),
        ([0, 10, 20, 30, 40], {"pitch": 10.5}, [11, 21, 32]),
        ([0, 333, 334, 667, 1000], {"pitch": 33.34, "counts_per_mm": 10}, [334, 667]),
        ([0, -100, 0, 99, 100], {"pitch": 100}, [100]),
    ],
    ids=["one", "jitter", "reversal", "several at once", "offset", "offset and pitch", "halves", "mm", "backwards first"],
)  # fmt: skip
def test_known_walks(positions, settings, found):
    assert crossings(positions, **settings) == found


def test_an_encoder_that_counts_down():
    pitches = Pitches(EncoderSettings(pitch=100, backwards=True))
    assert pitches.moved_to(50) == []
    assert pitches.moved_to(COUNT_MODULUS - 50) == [COUNT_MODULUS - 50]
    assert pitches.moved_to(COUNT_MODULUS - 170) == [COUNT_MODULUS - 150]


def test_a_counter_that_was_set_anew_is_noticed_and_starts_over():
    pitches = Pitches(EncoderSettings(pitch=100, most_pitches=8))
    pitches.moved_to(1_000_000)
    assert pitches.moved_to(0) is None
    assert pitches.moved_to(99) == []
    assert pitches.moved_to(100) == [100]


def test_a_pitch_that_is_no_whole_number_does_not_drift():
    pitches = Pitches(EncoderSettings(pitch=0.1, counts_per_mm=33.3))  # 3.33 counts
    found = [count for position in range(0, 333_001, 3) for count in pitches.moved_to(position) or ()]
    assert len(found) == 100_000
    assert found[-1] == 333_000


@given(
    steps=st.lists(st.integers(-300, 300), max_size=200),
    start=st.integers(0, COUNT_MODULUS - 1),
    pitch=st.integers(100, 1000) | st.floats(100, 1000).map(lambda value: round(value, 3)),
    offset=st.none() | st.integers(1, 500),
)
def test_a_place_triggers_once_and_every_place_that_was_reached_has(steps, start, pitch, offset):
    settings = EncoderSettings(pitch=pitch, offset=offset)
    pitches, position, farthest, found = Pitches(settings), start, start, []
    pitches.moved_to(start)
    for step in steps:
        position += step
        farthest = max(farthest, position)
        crossed = pitches.moved_to(position % COUNT_MODULUS)
        assert crossed is not None
        found += crossed
    first = settings.in_counts(pitch if offset is None else offset)
    places = []
    while ceil(first + len(places) * settings.in_counts(pitch)) <= farthest - start:
        places.append((start + ceil(first + len(places) * settings.in_counts(pitch))) % COUNT_MODULUS)
    assert found == places


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"pitch": 0.5}, "less than one count"),
        ({"pitch": 1, "counts_per_mm": 0.5}, "less than one count"),
        ({"pitch": 2**30}, "must stay below 2³¹"),
        ({"pitch": 0}, "greater than 0"),
        ({"pich": 5}, "did you mean 'pitch'?"),
    ],
)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(SettingsError) as refused:
        parse_settings(data, EncoderSettings, "line.yaml")
    assert message in str(refused.value)


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def trigger(**more: object) -> EncoderTrigger:
    return EncoderTrigger(EncoderSettings(pitch=100), Numbering(), **more)


def test_a_controller_like_the_others():
    woken = []
    encoder = trigger(wake=lambda: woken.append(1))
    encoder.moved_to(0)
    assert (encoder.commands(), woken) == ((), [])
    encoder.moved_to(250)
    assert woken == [1]
    assert encoder.commands() == [Triggered(1, encoder=100), Triggered(2, encoder=200)]
    assert encoder.commands() == ()


@pytest.mark.parametrize("acknowledge", [True, False])
def test_the_last_result_is_taken_back_before_the_next_part(acknowledge):
    encoder = trigger(acknowledge=acknowledge)
    encoder.show(StationView(7, State.READY, PartResult(7, 4, "", Outcome.FAIL), ready=True))
    encoder.moved_to(0)
    encoder.moved_to(100)
    expected = [Triggered(1, encoder=100)]
    assert encoder.commands() == ([Acknowledged(4), *expected] if acknowledge else expected)


def test_triggers_that_waited_too_long_are_void_and_their_numbers_gone():
    clock = Clock()
    encoder = trigger(clock_ns=clock)
    encoder.moved_to(0)
    encoder.moved_to(200)
    clock.ns = 200_000_000
    with pytest.raises(SignalError, match="2 triggers waited up to 200 ms"):
        encoder.commands()
    encoder.moved_to(300)
    assert encoder.commands() == [Triggered(3, encoder=300)]


@pytest.mark.parametrize(
    ("upset", "message"),
    [
        (lambda encoder: encoder.lost("3 edges were lost"), "3 edges were lost"),
        (lambda encoder: encoder.moved_to(5_000_000), "the count jumped to 5000000"),
    ],
)
def test_a_lost_position_is_told_once_and_takes_the_waiting_triggers_with_it(upset, message):
    encoder = trigger()
    encoder.moved_to(0)
    encoder.moved_to(100)
    upset(encoder)
    with pytest.raises(SignalError, match=message):
        encoder.commands()
    assert encoder.commands() == ()


def test_a_loop_that_takes_nothing_is_told_so():
    encoder = trigger()
    for position in range(0, 70 * 100, 100):
        encoder.moved_to(position)
    with pytest.raises(SignalError, match="the decision loop does not take them"):
        encoder.commands()


def test_closed_is_down():
    encoder = trigger()
    encoder.close()
    encoder.close()
    for call in (encoder.commands, lambda: encoder.show(StationView(7, State.READY))):
        with pytest.raises(SignalError, match="it was closed"):
            call()
