"""What a camera's thread tells, and when."""

from __future__ import annotations

import threading
import time

import pytest

from builders import frame
from lineproof.core import Frame
from lineproof.line.conduct.eye import Eye, Sight, Wanted
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import NotTaken, Seeing, Seen
from lineproof.line.engine_room.events import Done

FAR_NS = 10**19


class Prompt:
    """A camera that exposes when it is asked."""

    def grab(self, timeout_s: float) -> Frame:
        del timeout_s
        return frame()

    def close(self) -> None:
        return


@pytest.mark.parametrize("taken", [True, False])
def test_a_frame_is_told_of_before_all_that_comes_of_it_and_wakes_nobody_before_the_engine_has_it(taken):
    inbox, slept = Inbox(), []

    def submit(job):
        slept.append(inbox._bell.empty())
        if taken:
            inbox.put(Done(job, None))  # as soon as it has it
        submitted.set()
        return taken

    submitted = threading.Event()
    eye = Eye(Sight("press", "top", "top-cam", Prompt, on_demand=True), inbox, submit)
    eye.start()
    (first,) = inbox.take(5)
    assert isinstance(first, Seeing)
    eye.want(Wanted(7, "p7", time.monotonic_ns(), FAR_NS))
    assert submitted.wait(5)
    eye.ask_to_stop()
    eye.join(5)
    assert [type(news) for news in inbox.take(0)] == [Seen, Done if taken else NotTaken]
    assert slept == [True]
