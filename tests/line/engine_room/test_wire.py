from __future__ import annotations

import pytest

from builders import PROVENANCE, frame, inspection
from lineproof.line.engine_room.events import Decides, Job, Ready
from lineproof.line.engine_room.report import Report
from lineproof.line.engine_room.room import MOST_SLOTS
from lineproof.line.engine_room.slots import Extent
from lineproof.line.engine_room.wire import Abandon, Answer, Leaving, Order, Words, order, ordered, tell, told

SMALLEST_PIPE = 8192  # twice what Linux gives a user with very many pipes; elsewhere 16 kB and more
LARGE = 2**62
ORDER = Order.of(LARGE, MOST_SLOTS, Extent(LARGE, 2**31, 2**31, 2**31))


def test_a_frame_arrives_with_what_it_is_inspected_by():
    given = frame("p7", view="left", origin="7.png", reduction=4, camera_ns=5)
    words = Words.unpacked(Words.of(Job("a", 1, given, 99, recipe=3)).packed())
    assert (words.key, words.due_ns, words.recipe) == ("a", 99, 3)
    found = words.frame(given.image)
    for fact in ("part_id", "source_id", "view", "grabbed_ns", "reduction", "wh"):
        assert getattr(found, fact) == getattr(given, fact)


@pytest.mark.parametrize("message", [ORDER, Abandon(LARGE)])
def test_orders_arrive_as_they_were_given(message):
    assert ordered(order(message)) == message
    assert type(ordered(order(message))) is type(message)


class Pipe:
    """Keeps what was sent."""

    def send_bytes(self, data: bytes) -> None:
        self.data = data


@pytest.mark.parametrize(
    "message",
    [
        Ready({0: Decides(PROVENANCE, ("scratch",))}),
        Answer(7, None),
        Answer(8, Report.of(inspection())),
        Leaving("the GPU is lost"),
    ],
)
def test_answers_arrive_as_they_were_given(message):
    pipe = Pipe()
    tell(pipe, message)
    assert told(pipe.data) == message
    assert type(told(pipe.data)) is type(message)


def test_nothing_of_what_is_said_for_each_part_names_a_class():
    """Each would be looked up, part by part."""
    pipe = Pipe()
    tell(pipe, Answer(8, Report.of(inspection())))
    for data in (order(ORDER), order(Abandon(1)), Words.of(Job("a", 1, frame("p7"), 99)).packed(), pipe.data):
        assert b"lineproof" not in data
        assert b"numpy" not in data


def test_messages_are_written_whole_and_never_wait():
    """Even to a process that has stopped reading: an order and an abandoning for every slot lie in the pipe."""
    together = len(order(ORDER)) + len(order(Abandon(LARGE))) + 8  # Connection's length in front
    assert together < 512 / 2
    assert together * MOST_SLOTS <= 16_384
