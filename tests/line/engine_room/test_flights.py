from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from line.engine_room.rooms import job
from lineproof.line.engine_room.flights import Flights

SLOTS = 3
JOBS = {number: job("", number % 4, key="ab"[number % 2]) for number in range(20)}


@given(st.lists(st.sampled_from(["begin", "give back", "end", "end all"]), max_size=40))
def test_every_slot_is_free_or_holds_one_job(steps):
    flights, flying, numbers = Flights(SLOTS), {}, iter(range(1000))
    for step in steps:
        if step in ("begin", "give back"):
            slot = flights.take_slot()
            assert (slot is None) == (len(flying) == SLOTS)
            if slot is None:
                continue
            assert slot not in [held for _, held in flying.values()]
            if step == "give back":
                flights.give_back(slot)
            else:
                number = next(numbers)
                flying[number] = JOBS[number % len(JOBS)], slot
                flights.begin(number, *flying[number])
        elif step == "end" and flying:
            number = next(iter(flying))
            assert flights.end(number) is flying.pop(number)[0]
        elif step == "end all":
            assert flights.end_all() == tuple(job for job, _ in flying.values())
            flying.clear()
        assert len(flights) == len(flying)
        for key in "ab":
            for seq in range(4):
                expected = [number for number, (job, _) in flying.items() if (job.key, job.seq) == (key, seq)]
                assert flights.of(key, seq) == expected


def test_the_slot_used_last_is_used_next():
    flights = Flights(SLOTS)
    slot = flights.take_slot()
    flights.begin(1, JOBS[1], slot)
    flights.end(1)
    assert flights.take_slot() == slot
