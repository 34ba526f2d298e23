from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import frame
from lineproof.core import Frame
from lineproof.line.handoff import Handoff, Missed

ITEMS = st.lists(st.sampled_from(["frame", "missed", "take"]), max_size=30)


def play(handoff: Handoff, steps: list[str]) -> tuple[list[str], list[Frame | Missed]]:
    """Names put, and items taken, the rest included."""
    put, taken = [], []
    for number, step in enumerate(steps):
        if step == "take":
            taken.append(handoff.take(0))
            continue
        put.append(f"p{number}")
        handoff.put(frame(put[-1]) if step == "frame" else Missed(put[-1], "cam", "frame", "damaged"))
    while len(handoff):
        taken.append(handoff.take(0))
    return put, [item for item in taken if item is not None]


@settings(max_examples=60)
@given(ITEMS, st.integers(1, 4))
def test_a_queue_returns_every_part_in_order(steps, capacity):
    put, taken = play(handoff := Handoff("queue", capacity), steps)
    assert [item.part_id for item in taken] == put
    assert handoff.drops == 0


@settings(max_examples=60)
@given(ITEMS)
def test_newest_counts_what_it_drops_and_never_drops_a_missed_part(steps):
    put, taken = play(handoff := Handoff("newest"), steps)
    assert len(taken) + handoff.drops == len(put)
    assert [item.part_id for item in taken] == [name for name in put if name in {item.part_id for item in taken}]
    assert sum(isinstance(item, Missed) for item in taken) == steps.count("missed")


def test_a_full_queue_keeps_the_part_without_its_pixels():
    handoff = Handoff("queue", 2)
    first = [frame(name, origin=f"{name}.png", view="top") for name in "abc"]
    for item in first:
        handoff.put(item)
    a, b, c = (handoff.take(0) for _ in range(3))
    assert (a, b) == (first[0], first[1])
    assert isinstance(c, Missed)
    assert (c.part_id, c.rule, c.origin, c.view) == ("c", "overrun", "c.png", "top")
    assert (c.grabbed_ns, c.grabbed_at) == (first[2].grabbed_ns, first[2].grabbed_at)


def test_newest_hands_out_the_last_frame():
    handoff = Handoff("newest")
    for name in "abc":
        handoff.put(frame(name))
    assert handoff.take(0).part_id == "c"
    assert handoff.take(0) is None
    assert handoff.drops == 2


def test_taking_wakes_up_when_something_comes_or_nothing_will():
    handoff = Handoff("queue", 2)
    threading.Timer(0.02, handoff.put, [frame("a")]).start()
    assert handoff.take(10).part_id == "a"
    threading.Timer(0.02, handoff.close).start()
    assert handoff.take(10) is None
    assert handoff.finished


def test_what_comes_after_closing_is_counted():
    handoff = Handoff("newest")
    handoff.put(frame("a"))
    handoff.abandon()
    handoff.put(frame("b"))
    assert handoff.drops == 2
    assert handoff.finished


def test_hungry_is_who_waits_with_nothing_there():
    handoff = Handoff("queue", 2)
    assert not handoff.wait_hungry(0.01)
    taker = threading.Thread(target=handoff.take, args=(10,))
    taker.start()
    assert handoff.wait_hungry(5)
    handoff.put(frame("a"))
    taker.join(5)
    assert not handoff.wait_hungry(0.01)
