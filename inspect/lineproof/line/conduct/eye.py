"""One camera of one station: always drained, and a frame kept only when a trigger asks for one.

A frame answers a trigger when it was exposed after it. What a camera exposes by itself (free running) is thrown away
until then; what exposes on demand (a replay, a camera triggered by software) is asked for one frame for each trigger. The
picture of a camera that the controller strobes itself may come before the message: it is held for so long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from lineproof.core import Frame
from lineproof.core.codes import FaultCode
from lineproof.errors import FrameError, SourceEnded, SourceError, SourceTimeout
from lineproof.line.attempt import Failure, attempt
from lineproof.line.conduct.held import Early, Held
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import Blind, News, NotTaken, Seeing, Seen, Spoilt, Through
from lineproof.line.engine_room.events import Job
from lineproof.ports import Source

GRAB_S = 0.1  # how long one grab may wait; also how soon a stop is heard
LOOK_BACK_S = 0.002  # the same where a picture may have come before its trigger: how soon that is seen
REOPEN_S = 0.5  # between two attempts to open a camera that was not there at the start
JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found on a frame before it is judged."""

    why: str = ""  # it cannot be judged by; "" when it can
    part_id: str = ""  # as read on it; "": none was looked for


Check = Callable[[Frame], Checked]
Submit = Callable[[Job], bool]  # as `Room.submit`


def nothing_to_check(_: Frame) -> Checked:
    """For a camera without a commissioned gate and without a code to read."""
    return Checked()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trigger waits for a frame."""

    seq: int
    part_id: str
    after_ns: int
    until_ns: int
    recipe: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """What an eye looks through, and what it is called."""

    station: str
    view: str
    source_id: str
    open: Callable[[], Source]
    on_demand: bool = False
    lag_ms: float = 0.0  # from exposure to the moment at which the frame is stamped
    lead_ms: float = 0.0  # how long before its message the trigger may reach the camera
    check: Check = nothing_to_check
    bad_in_a_row: int = 3  # pictures that nobody may judge by are faults of their parts; one more, of the camera


class Eye(threading.Thread):
    """Grabs for as long as the station lives, and tells the inbox what it sees."""

    def __init__(self, sight: Sight, inbox: Inbox[News], submit: Submit) -> None:
        """A frame goes to the engine from here: by way of the decision loop it would wait for one more thread to wake."""
        super().__init__(
            name=f"eye-{sight.station}-{sight.view}", daemon=True
        )  # a hung driver must not keep the process
        self.sight = sight
        self._inbox = inbox
        self._tell = inbox.put
        self._submit = submit
        self._changed = threading.Condition()
        self._wanted: Wanted | None = None
        self._stopping = False
        self._blind: FaultCode | None = None
        self._seen_once = False
        self._bad_in_a_row = 0
        self._held = Held(sight.lead_ms)

    def want(self, wanted: Wanted) -> None:
        """The frame exposed after `after_ns`, held or next; one trigger waits at a time, an older one is forgotten."""
        with self._changed:
            self._wanted = wanted
            self._changed.notify()

    def forget(self, seq: int) -> None:
        """Nobody waits for the frame of this trigger any more."""
        with self._changed:
            if self._wanted is not None and self._wanted.seq == seq:
                self._wanted = None

    def ask_to_stop(self) -> None:
        """End after the grab under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """Open, look, and open again, until told to stop."""
        while not self._stopping:
            opened = attempt(self.sight.open)
            if isinstance(opened, Failure):
                self._lose(opened)
                self._pause(REOPEN_S)
                continue
            source = opened.value
            failed = attempt(partial(self._look, source))
            attempt(source.close)
            if isinstance(failed, Failure):
                self._lose(failed)
                self._pause(REOPEN_S)

    def _look(self, source: Source) -> None:
        if self.sight.on_demand:
            self._see()
        while not self._stopping:
            if self.sight.on_demand and not self._await_wanted():
                continue
            if not self._grab(source):
                return

    def _grab(self, source: Source) -> bool:
        """One grab; says whether the source is of further use."""
        grabbed = attempt(lambda: source.grab(LOOK_BACK_S if self.sight.lead_ms else GRAB_S))
        self._look_back()
        if not isinstance(grabbed, Failure):
            if self._blind is not FaultCode.IMAGE_QUALITY:
                self._see()
            self._offer(grabbed.value)
            return True
        error = grabbed.error
        if isinstance(error, SourceTimeout):
            return True
        if isinstance(error, SourceEnded):
            self._tell(Through(self.sight.station, self.sight.view))
            self._await_stop()
            return False
        if isinstance(error, FrameError):
            self._spoil(str(error))
            return True
        self._lose(grabbed)
        return isinstance(error, SourceError)  # it opens itself again; anything else needs a fresh one

    def _look_back(self) -> None:
        """A trigger has come whose picture is here already."""
        with self._changed:
            wanted = self._wanted
        early = [] if wanted is None else self._held.take(wanted.after_ns)
        if len(early) == 1:
            self._offer(early[0].frame)
        elif early:
            self._spoil("several pictures for one trigger: trigger_lead_ms is longer than the time between two parts")

    def _offer(self, frame: Frame) -> None:
        exposed_ns = frame.exposed_ns - int(self.sight.lag_ms * 1e6)
        wanted = self._take(exposed_ns)
        if wanted is None:
            self._held.put(Early(frame, exposed_ns))
        if wanted is None and self._blind is not FaultCode.IMAGE_QUALITY:
            return
        checked = self._checked(frame)
        if wanted is None:
            if not checked.why:  # no trigger comes while it is blind: the picture itself must say that it sees again
                self._bad_in_a_row = 0
                self._see()
            return
        frame = self._named(frame, wanted.part_id or checked.part_id)
        station, view = self.sight.station, self.sight.view
        self._bad_in_a_row = self._bad_in_a_row + 1 if checked.why else 0
        if checked.why:
            self._tell(Spoilt(station, view, wanted.seq, checked.why, exposed_ns, frame))
            self._blind_if_bad(checked.why)
            return
        # The decision loop must know of the frame before it hears what came of it; but as soon as it wakes it competes
        # with the copy and the order, for which the part waits.
        self._inbox.note(Seen(station, view, wanted.seq, frame, exposed_ns, checked.part_id))
        if not self._submit(Job(station, wanted.seq, frame, wanted.until_ns, wanted.recipe)):
            self._inbox.note(NotTaken(station, view, wanted.seq))
        self._inbox.wake()

    def _named(self, frame: Frame, part_id: str) -> Frame:
        """The frame under the part's own id; a source that names its parts (a replay) keeps its names where none is given."""
        return replace(frame, part_id=part_id or frame.part_id, view=self.sight.view, source_id=self.sight.source_id)

    def _spoil(self, why: str) -> None:
        """A damaged frame says nothing of when it was exposed: a waiting trigger must not take the next one for its own."""
        now_ns = time.monotonic_ns()
        wanted = self._take(now_ns)
        self._bad_in_a_row += 1
        if wanted is not None:
            self._tell(Spoilt(self.sight.station, self.sight.view, wanted.seq, why, now_ns))
        self._blind_if_bad(why)

    def _take(self, exposed_ns: int) -> Wanted | None:
        """The trigger that a frame of this moment answers."""
        with self._changed:
            wanted = self._wanted
            if wanted is None or exposed_ns <= wanted.after_ns:
                return None
            self._wanted = None
        return wanted if time.monotonic_ns() < wanted.until_ns else None

    def _see(self) -> None:
        if self._blind is not None or not self._seen_once:
            self._blind, self._seen_once = None, True
            self._tell(Seeing(self.sight.station, self.sight.view))

    def _lose(self, failure: Failure) -> None:
        """Told once for each outage."""
        if self._blind is not FaultCode.CAMERA_LOST:
            self._turn_blind(FaultCode.CAMERA_LOST, str(failure))

    def _blind_if_bad(self, why: str) -> None:
        """Not of a camera that exposes on demand: it could not be seen to see again."""
        if self._bad_in_a_row > self.sight.bad_in_a_row and self._blind is None and not self.sight.on_demand:
            self._turn_blind(FaultCode.IMAGE_QUALITY, why)

    def _turn_blind(self, code: FaultCode, why: str) -> None:
        if self._blind is not None:
            self._tell(Seeing(self.sight.station, self.sight.view))  # the other fault has made room
        self._blind = code
        self._tell(Blind(self.sight.station, self.sight.view, code, why))

    def _checked(self, frame: Frame) -> Checked:
        done = attempt(lambda: self.sight.check(frame))
        return Checked(str(done)) if isinstance(done, Failure) else done.value

    def _await_wanted(self) -> bool:
        with self._changed:
            return (
                self._changed.wait_for(lambda: self._wanted is not None or self._stopping, GRAB_S)
                and not self._stopping
            )

    def _await_stop(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)
