"""What happened, in the order in which it was said: every thread puts, the decision loop alone takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Never full and never waited for by those who put: each of them has only so much to say."""

    def __init__(self) -> None:
        self._news: deque[T] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()

    def put(self, news: T) -> None:
        """From any thread."""
        self._news.append(news)
        self.wake()

    def note(self, news: T) -> None:
        """The same without waking the loop, which would compete with what the caller does next; `wake` it after that."""
        self._news.append(news)

    def wake(self) -> None:
        """There is something to look at, here or elsewhere; from any thread, cheap however often it is called."""
        if self._bell.empty():
            self._bell.put(None)

    def take(self, timeout_s: float) -> Iterator[T]:
        """Wait for the first unless it is there, then give all that is."""
        try:
            if not self._news:
                self._bell.get(timeout=max(0.0, timeout_s))
            while True:  # before the news are read: whoever rings from now on is heard the next time
                self._bell.get_nowait()
        except Empty:
            pass
        while self._news:
            yield self._news.popleft()
