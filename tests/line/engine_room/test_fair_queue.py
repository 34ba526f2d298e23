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


class Oracle:
    """Plain lists of what waits, and what each key's oldest has seen pass."""

    def __init__(self) -> None:
        self.waiting: dict[object, list[int]] = defaultdict(list)
        self.due: dict[int, int] = {}
        self.passed: dict[int, Counter] = defaultdict(Counter)

    def put(self, key: object, number: int, due_ns: int) -> None:
        self.waiting[key].append(number)
        self.due[number] = due_ns

    def took(self, number: int) -> None:
        (key,) = [key for key, found in self.waiting.items() if number in found]
        assert self.waiting[key][0] == number, "oldest first"
        self.gone(number)
        for other, found in self.waiting.items():
            if other != key and found:
                self.passed[found[0]][key] += 1
                assert self.passed[found[0]][key] == 1, f"{found[0]} of {other} waited for two of {key}"

    def gone(self, number: int) -> None:
        for found in self.waiting.values():
            if number in found:
                found.remove(number)

    def all(self) -> set[int]:
        return {number for found in self.waiting.values() for number in found}


@given(STEPS)
def test_no_job_waits_for_more_than_one_of_each_other_station(steps):
    queue, oracle, numbers = FairQueue(), Oracle(), iter(range(1000))
    for what, key, value in steps:
        if what == "put":
            number = next(numbers)
            queue.put(key, number, value)
            oracle.put(key, number, value)
        elif what == "take":
            number = queue.take()
            assert (number is None) == (not oracle.all())
            if number is not None:
                oracle.took(number)
        elif what == "drop":
            assert queue.drop(value) == (value in oracle.all())
            oracle.gone(value)
        else:
            late = queue.late(value)
            assert sorted(late) == sorted(number for number in oracle.all() if oracle.due[number] <= value)
            for number in late:
                oracle.gone(number)
        assert len(queue) == len(oracle.all())
