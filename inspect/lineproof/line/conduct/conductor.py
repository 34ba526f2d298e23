"""The one decision loop of a line with stations: what cameras, wires and engine say, in order, and the time that passes.

    eyes          frame of a trigger      → inbox
    engine room   inspection              → inbox
    wires         wake                    → inbox, then asked for commands
    this loop     core of each station → wires first → engine, cameras, records

A step that fails in a way nobody foresaw is a fault of that station, never the end of the line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from lineproof.core.codes import FaultCode
from lineproof.line.attempt import Failure, attempt
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import Blind, News, NotTaken, Seeing, Seen, Spoilt, Through
from lineproof.line.conduct.post import Post
from lineproof.line.conduct.room import Room
from lineproof.line.engine_room.events import Done, Dropped, GivenUp, Lost, Ready
from lineproof.line.notify import Notifier
from lineproof.line.station.events import FaultSeen
from lineproof.line.switching import prompt_threads

TURN_S = 0.01  # how long one turn waits when nothing is said: half of the 20 ms a controller allows for TriggerAck
READ_S = 1.0  # for the controller to read the last answer before the line ends
LOOK_S = 0.5  # between two looks at the records


class Conductor:
    """Runs the stations of one line; `run` blocks until the replays are through, a limit is reached, or `stop`."""

    def __init__(
        self,
        posts: Sequence[Post],
        room: Room,
        inbox: Inbox[News],
        *,
        storage_trouble: Callable[[], str] = lambda: "",
        storage_required: bool = False,
        notifier: Notifier | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Everything is put together already, around this inbox; `storage_trouble` says what is wrong with the records."""
        self.posts = {post.name: post for post in posts}
        self.room = room
        self._inbox = inbox
        self._storage_trouble = storage_trouble
        self._storage_required = storage_required
        self._notifier = notifier or Notifier()
        self._clock_ns = clock_ns
        self._through: set[str] = set()  # stations of which a camera has no more frames
        self._look_ns = 0
        self._served_ns = 0
        self._stopping = False

    def run(self, *, max_parts: int | None = None, duration_s: float | None = None) -> None:
        """Decide until the end; then every part has its answer, and everything reads as no result."""
        until_ns = None if duration_s is None else self._clock_ns() + int(duration_s * 1e9)
        try:
            self.room.start()
            for post in self.posts.values():
                post.start()
            self._notifier.ready()
            with prompt_threads():
                while not self._ended(max_parts, until_ns):
                    self.turn(self._pause_s())
        finally:
            self._shut_down()

    def stop(self) -> None:
        """Ask for the end; safe from a signal handler or another thread."""
        self._stopping = True
        self._inbox.wake()

    def turn(self, timeout_s: float) -> None:
        """What was said since the last one, then what has to happen in any case."""
        for news in self._inbox.take(timeout_s):
            self._hear(news)
        for post in self.posts.values():
            self._guarded(post, post.turn)
            if post.name in self._through and post.station.part is None:
                self._guarded(post, post.rest)  # or it would be triggered again for a picture that cannot come
        self.room.supervise()
        self._look_at_records()
        self._notifier.alive()

    def _pause_s(self) -> float:
        """Until the next turn when nothing is said: not beyond the deadline of a part."""
        due_ns = min((part.deadline_ns for post in self.posts.values() if (part := post.station.part)), default=None)
        if due_ns is None:
            return TURN_S
        return min(TURN_S, max(0.0, (due_ns - self._clock_ns()) / 1e9 + 1e-4))

    def _hear(self, news: News) -> None:
        match news:
            case Ready() | Lost() | GivenUp():
                for post in self.posts.values():
                    self._guarded(post, partial(_tell_of_engine, post, news))
            case Done() | Dropped():
                post = self.posts[str(news.job.key)]
                self._guarded(post, partial(_tell_of_job, post, news))
            case Through():
                self._through.add(news.station)
            case _:
                post = self.posts[news.station]
                self._guarded(post, partial(_tell_of_camera, post, news))

    def _guarded(self, post: Post, step: Callable[[], None]) -> None:
        failed = attempt(step)
        if isinstance(failed, Failure):
            fault = FaultSeen(FaultCode.INTERNAL, str(failed))
            attempt(lambda: post.tell(fault))

    def _look_at_records(self) -> None:
        now_ns = self._clock_ns()
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + int(LOOK_S * 1e9)
        trouble = self._storage_trouble()
        for post in self.posts.values():
            self._guarded(post, partial(post.storage, trouble, required=self._storage_required))

    def _ended(self, max_parts: int | None, until_ns: int | None) -> bool:
        return (
            self._stopping
            or (max_parts is not None and self._served(max_parts))
            or (until_ns is not None and self._clock_ns() >= until_ns)
            or all(post.name in self._through and post.station.halted for post in self.posts.values())
        )

    def _served(self, parts: int) -> bool:
        """So many are answered, and the last answer was read, or had a while to be."""
        if sum(post.tally.parts for post in self.posts.values()) < parts:
            return False
        now_ns = self._clock_ns()
        self._served_ns = self._served_ns or now_ns
        unread = any(post.station.shown is not None for post in self.posts.values())
        return not unread or now_ns - self._served_ns >= READ_S * 1e9

    def _shut_down(self) -> None:
        self._notifier.stopping()
        for post in self.posts.values():
            attempt(post.close)
        attempt(self.room.close)


def _tell_of_camera(post: Post, news: Seen | Spoilt | NotTaken | Blind | Seeing) -> None:
    match news:
        case Seen():
            post.seen(news)
        case Spoilt():
            post.spoilt(news)
        case NotTaken():
            post.not_taken(news)
        case Blind():
            post.blind(news)
        case Seeing():
            post.seeing(news)


def _tell_of_job(post: Post, news: Done | Dropped) -> None:
    if isinstance(news, Done):
        post.inspected(news.job.seq, news.inspection)
    else:
        post.dropped(news.job.seq, news.job.frame.view)


def _tell_of_engine(post: Post, news: Ready | Lost | GivenUp) -> None:
    match news:
        case Ready():
            post.verified(news.recipes)
        case Lost():
            post.engine_lost(FaultSeen(FaultCode.ENGINE_LOST, news.text))
        case GivenUp():
            post.engine_lost(FaultSeen(FaultCode.ENGINE_GIVEN_UP, news.text))
