from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from lineproof.line.engine_room.fair_queue import FairQueue

FAR_NS = 10**19
KEYS = st.sampled_from(["a", "b", "c", 7])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 50)),
        st.tuples(st.just("take"), st.just(""), st.just(0)),
        st.tuples(st.just("drop"), st.just(""), st.integers(0, 60)),
        st.tuples(st.just("late"), st.just(""), st.integers(0, 50)),
    ),
    max_size=80,
)


def filled(*keys: str) -> FairQueue:
    queue = FairQueue()
    for number, key in enumerate(keys):
        queue.put(key, number, FAR_NS)
    return queue


def all_of(queue: FairQueue) -> list[int]:
    return [queue.take() for _ in range(len(queue))]


def test_stations_take_turns():
    assert all_of(filled("a", "a", "a", "b", "b", "c")) == [0, 3, 5, 1, 4, 2]


def test_an_empty_queue_has_no_next():
    queue = FairQueue()
    assert queue.take() is None
    assert len(queue) == 0


def test_a_station_that_comes_back_goes_last():
    queue = filled("a", "b")
    assert queue.take() == 0
    queue.put("a", 9, FAR_NS)
    assert all_of(queue) == [1, 9]


def test_a_job_taken_out_costs_its_station_no_turn():
    queue = filled("a", "a", "b")
    assert queue.drop(0)
    assert not queue.drop(0)
    assert all_of(queue) == [1, 2]


def test_late_jobs_are_taken_out_and_nothing_else():
    queue = FairQueue()
    queue.put("a", 1, 10)
    queue.put("a", 2, 20)
    queue.put("b", 3, 11)
    assert queue.late(10) == [1]
    assert queue.late(19) == [3]
    assert all_of(queue) == [2]


@given(STEPS)
def test_no_job_waits_for_more_than_one_of_each_other_station(steps):
    queue, numbers = FairQueue(), iter(range(1000))
    waiting: dict[object, list[int]] = defaultdict(list)  # the oracle: numbers by key, oldest first
    due: dict[int, int] = {}
    passed: dict[int, Counter] = {}  # of each key's oldest: jobs of others that were run before it

    def gone(number: int) -> None:
        for key in waiting:
            if number in waiting[key]:
                waiting[key].remove(number)

    for what, key, value in steps:
        if what == "put":
            number = next(numbers)
            queue.put(key, number, value)
            waiting[key].append(number)
            due[number] = value
        elif what == "take":
            number = queue.take()
            if number is None:
                assert not any(waiting.values())
                continue
            (of,) = [key for key, found in waiting.items() if number in found]
            assert waiting[of][0] == number, "oldest first"
            gone(number)
            passed.pop(number, None)
            for other, found in waiting.items():
                if other != of and found:
                    counts = passed.setdefault(found[0], Counter())
                    counts[of] += 1
                    assert counts[of] == 1, f"{found[0]} of {other} waited for two of {of}"
        elif what == "drop":
            assert queue.drop(value) == any(value in found for found in waiting.values())
            gone(value)
        else:
            expected = {number for found in waiting.values() for number in found if due[number] <= value}
            late = queue.late(value)
            assert set(late) == expected
            assert len(late) == len(expected)
            for number in late:
                gone(number)
        assert len(queue) == sum(map(len, waiting.values()))
