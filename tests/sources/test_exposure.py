from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineproof.sources.exposure import DRIFT, CameraClock

MS = 1_000_000
SECOND = 1_000 * MS
# A picture every 40 ms, each up to 200 ms on its way; every eighth comes straight.
WAITS = st.lists(st.integers(0, 200 * MS), min_size=8, max_size=80).map(
    lambda waits: [0 if index % 8 == 0 else wait for index, wait in enumerate(waits)]
)


def test_a_picture_that_waited_was_exposed_earlier():
    clock = CameraClock()
    assert clock.exposed_ns(5 * SECOND, 100 * SECOND) == 100 * SECOND
    late = clock.exposed_ns(6 * SECOND, 101 * SECOND + 300 * MS)
    assert 0 <= late - 101 * SECOND <= 1.3 * SECOND * DRIFT


def test_a_fresh_handle_begins_anew():
    clock = CameraClock()
    clock.exposed_ns(900 * SECOND, 100 * SECOND)
    clock.renew()
    assert clock.exposed_ns(0, 101 * SECOND) == 101 * SECOND


@given(WAITS, st.integers(-(10**15), 10**15), st.floats(-DRIFT, DRIFT))
def test_exposure_is_never_after_the_arrival_and_right_within_the_drift(waits, zero, drift):
    clock = CameraClock()
    arrived = 0
    for index, wait in enumerate(waits):
        true = index * 40 * MS
        arrived = max(arrived, true + wait)  # in order
        exposed = clock.exposed_ns(zero + int(true * (1 + drift)), arrived)
        assert exposed <= arrived
        # What a clock can drift while no picture comes straight, and the rounding to nanoseconds.
        assert abs(exposed - true) <= 2 * DRIFT * (8 * 40 + 400) * MS + 400 or arrived > true + wait


def test_a_slow_camera_clock_is_followed_for_a_day():
    clock = CameraClock()
    exposed = 0
    for second in range(0, 86_400, 10):
        exposed = clock.exposed_ns(int(second * SECOND * (1 - 0.9 * DRIFT)), second * SECOND) - second * SECOND
    assert abs(exposed) < 1 * MS
