from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from lineproof.line.conduct.inbox import Inbox

LONG_S = 30.0  # never waited for


def test_news_come_in_the_order_in_which_they_were_said():
    inbox: Inbox[int] = Inbox()
    inbox.note(1)
    inbox.put(2)
    inbox.note(3)
    assert list(inbox.take(LONG_S)) == [1, 2, 3]


def test_what_is_noted_waits_for_the_next_that_wakes():
    inbox: Inbox[str] = Inbox()
    taken: list[list[str]] = []
    loop = threading.Thread(target=lambda: taken.append(list(inbox.take(LONG_S))))
    loop.start()
    time.sleep(0.05)  # it waits
    inbox.note("seen")
    loop.join(0.2)
    assert loop.is_alive()
    inbox.put("done")
    loop.join()
    assert taken == [["seen", "done"]]


def test_a_wake_without_news_ends_the_wait_and_is_not_kept():
    inbox: Inbox[int] = Inbox()
    inbox.wake()
    inbox.wake()
    assert list(inbox.take(LONG_S)) == []
    begun = time.monotonic()
    assert list(inbox.take(0.02)) == []
    assert time.monotonic() - begun >= 0.015


@given(st.lists(st.sampled_from(["put", "note", "wake", "take"]), max_size=40))
def test_nothing_is_lost_doubled_or_turned_round(said):
    inbox: Inbox[int] = Inbox()
    given_in, taken = [], []
    for number, word in enumerate(said):
        if word == "take":
            taken += inbox.take(0)
        elif word == "wake":
            inbox.wake()
        else:
            getattr(inbox, word)(number)
            given_in.append(number)
    assert [*taken, *inbox.take(0)] == given_in


def test_every_thread_is_heard():
    """No ring may fall between the last look and the next wait."""
    inbox: Inbox[tuple[int, int]] = Inbox()
    each = 2000

    def say(who: int) -> None:
        for number in range(each):
            inbox.put((who, number))

    threads = [threading.Thread(target=say, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    heard: list[tuple[int, int]] = []
    while len(heard) < 4 * each:
        begun = time.monotonic()
        heard += inbox.take(LONG_S)
        assert time.monotonic() - begun < LONG_S
    for who in range(4):
        assert [number for speaker, number in heard if speaker == who] == list(range(each))
