"""The line is bounded, and nobody keeps others out of it: checked against the rule as it is written down."""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lineproof.serve.fair import FairLine

CALLERS = st.sampled_from("abcd")


def waiting(line: FairLine[str]) -> Counter[str]:
    return Counter({caller: len(jobs) for caller, jobs in line._by_caller.items()})


def test_a_lone_caller_may_fill_the_line_and_no_more():
    line = FairLine[int](3, 0)
    assert [line.put("a", number) for number in range(5)] == [None, None, None, 3, 4]
    assert [line.take() for _ in range(4)] == [0, 1, 2, None]


def test_who_comes_to_a_full_line_gets_his_share_of_it():
    line = FairLine[str](4, 0)
    for number in range(4):
        line.put("greedy", f"g{number}")
    assert [line.put("late", f"l{number}") for number in range(3)] == ["g3", "g2", "l2"]
    assert [line.take() for _ in range(4)] == ["g0", "l0", "g1", "l1"]


def test_what_an_idle_hand_takes_at_once_does_not_wait():
    line = FairLine[int](1, 2)
    assert [line.put("a", number) for number in range(4)] == [None, None, None, 3]
    assert [line.take(), line.take()] == [0, 1]
    assert line.put("a", 4) == 4  # both hands are busy, and one waits
    line.done()
    assert line.put("a", 5) is None


def test_more_callers_than_places_do_not_push_each_other_out():
    line = FairLine[str](2, 0)
    assert [line.put(name, name) for name in "abc"] == [None, None, "c"]


class Line(RuleBasedStateMachine):
    """Puts, takes, leaves; a model of lists says what must be in line."""

    places = 5

    def __init__(self) -> None:
        super().__init__()
        self.line = FairLine[str](self.places, 0)
        self.model: dict[str, list[str]] = {name: [] for name in "abcd"}
        self.served_since: dict[str, Counter[str]] = {name: Counter() for name in "abcd"}
        self.number = 0

    @rule(caller=CALLERS)
    def put(self, caller: str) -> None:
        self.number += 1
        job = f"{caller}{self.number}"
        before = {name: len(jobs) for name, jobs in self.model.items()}
        in_line = {name for name, count in before.items() if count} | {caller}
        share = self.places // len(in_line)
        leaver = self.line.put(caller, job)
        if sum(before.values()) < self.places:
            assert leaver is None
        elif before[caller] >= share:
            assert leaver == job
        else:
            assert leaver is not None
            owner = leaver[0]
            assert before[owner] == max(before.values()) > share
            assert self.model[owner].pop() == leaver
        if leaver != job:
            if not self.model[caller]:
                self.served_since[caller].clear()
            self.model[caller].append(job)

    @precondition(lambda self: any(self.model.values()))
    @rule()
    def take(self) -> None:
        job = self.line.take()
        owner = job[0]
        assert self.model[owner].pop(0) == job
        for name, jobs in self.model.items():
            if jobs and name != owner:
                self.served_since[name][owner] += 1
                assert self.served_since[name][owner] <= 1, f"{owner} came twice before {name}"
        self.served_since[owner].clear()
        self.line.done()
        self.line._idle = 0

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from([job for jobs in self.model.values() for job in jobs]))
        assert self.line.leave(job[0], job)
        assert not self.line.leave(job[0], job)
        self.model[job[0]].remove(job)

    @invariant()
    def holds_what_it_should(self) -> None:
        assert waiting(self.line) == Counter({name: len(jobs) for name, jobs in self.model.items() if jobs})
        assert len(self.line) == sum(map(len, self.model.values())) <= self.places


TestLine = Line.TestCase


@given(st.lists(CALLERS, max_size=40))
def test_everybody_who_keeps_sending_ends_up_with_his_share(callers):
    line = FairLine[str](12, 0)
    for name in ["a"] * 20 + callers + sorted(set(callers)) * 12:
        line.put(name, name)
    held = waiting(line)
    share = 12 // len(set(callers) | {"a"})
    assert all(held[name] >= share for name in {*callers, "a"})


def test_threads_lose_nothing_and_take_nothing_twice():
    line = FairLine[int](10_000, 4)
    taken: list[list[int]] = [[] for _ in range(4)]
    go = threading.Event()

    def take(mine: list[int]) -> None:
        go.wait()
        while len(mine) < 250:
            job = line.take()
            if job is not None:
                mine.append(job)
                line.done()

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    go.set()
    for number in range(1000):
        assert line.put("abc"[number % 3], number) is None
    for thread in threads:
        thread.join(30)
    assert sorted(job for mine in taken for job in mine) == list(range(1000))
    assert line._idle == 4
