"""What happened, in the order in which it was said: every thread puts, the decision loop alone takes."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Never full and never waited for by those who put: each of them has only so much to say."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()

    def put(self, news: T) -> None:
        """From any thread."""
        self._queue.put(news)

    def wake(self) -> None:
        """There is something to look at elsewhere; from any thread, cheap however often it is called."""
        if self._queue.empty():  # whoever is in front wakes the loop as well
            self._queue.put(None)

    def take(self, timeout_s: float) -> Iterator[T]:
        """Wait for the first, then give all that is there."""
        try:
            news = self._queue.get(timeout=max(0.0, timeout_s))
            while True:
                if news is not None:
                    yield news
                news = self._queue.get_nowait()
        except Empty:
            return
