from __future__ import annotations

import pickle
from dataclasses import fields

from builders import frame
from lineproof.core import Frame
from lineproof.line.engine_room.events import Job
from lineproof.line.engine_room.room import MOST_SLOTS
from lineproof.line.engine_room.slots import Extent
from lineproof.line.engine_room.wire import Abandon, Order, Words

SMALLEST_PIPE = 8192  # twice what Linux gives a user with very many pipes; elsewhere 16 kB and more


def test_a_frame_arrives_with_all_its_words():
    given = frame("p7", view="left", origin="7.png", reduction=4, camera_ns=5)
    words = Words(*pickle.loads(pickle.dumps(tuple(Words.of(Job("a", 1, given, 99))))))
    assert (words.key, words.due_ns) == ("a", 99)
    found = words.frame(given.image)
    assert all(getattr(found, fact.name) is not None for fact in fields(Frame))
    assert all(getattr(found, fact.name) == getattr(given, fact.name) for fact in fields(Frame) if fact.name != "image")


def test_messages_are_written_whole_and_never_wait():
    """Even to a process that has stopped reading: an order and an abandoning for every slot lie in the pipe."""
    large = 2**62
    order = Order(large, MOST_SLOTS, Extent(large, 2**31, 2**31, 2**31))
    together = len(pickle.dumps(order, 5)) + len(pickle.dumps(Abandon(large), 5)) + 8  # Connection's length in front
    assert together < 512 / 2
    assert together * MOST_SLOTS <= 16_384
