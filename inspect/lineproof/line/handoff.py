"""Between grab and inspection: bounded, its policy by name, every loss counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lineproof.core import Frame
from lineproof.line.settings import Policy


@dataclass(frozen=True, slots=True)
class Missed:
    """A part of which no usable frame was had; it gets its answer all the same, and that is FAULT."""

    part_id: str
    source_id: str
    rule: str
    text: str
    view: str = "main"
    origin: str = ""
    grabbed_ns: int = field(default_factory=time.monotonic_ns)
    grabbed_at: datetime = field(default_factory=lambda: datetime.now(UTC))


Item = Frame | Missed
Waiting = deque[Item]


def newest(waiting: Waiting, frame: Frame, capacity: int) -> int:
    """Free running: the frame replaces the one that waits; a Missed stays, it costs no time. Returns the drops."""
    del capacity
    before = len(waiting)
    kept = [item for item in waiting if isinstance(item, Missed)]
    waiting.clear()
    waiting.extend((*kept, frame))
    return before - len(kept)


def queue(waiting: Waiting, frame: Frame, capacity: int) -> int:
    """Triggered: oldest first; where no room is left the part keeps its place without its pixels, as a FAULT."""
    full = sum(isinstance(item, Frame) for item in waiting) >= capacity
    waiting.append(overrun(frame, capacity) if full else frame)
    return 0


def overrun(frame: Frame, capacity: int) -> Missed:
    """The part that came when `capacity` others were waiting."""
    return Missed(
        part_id=frame.part_id,
        source_id=frame.source_id,
        rule="overrun",
        text=f"{capacity} parts were waiting: parts come faster than they are inspected",
        view=frame.view,
        origin=frame.origin,
        grabbed_ns=frame.grabbed_ns,
        grabbed_at=frame.grabbed_at,
    )


POLICIES: dict[Policy, Callable[[Waiting, Frame, int], int]] = {"newest": newest, "queue": queue}


class Handoff:
    """Where the feeder leaves items and the loop takes them."""

    def __init__(self, policy: Policy, capacity: int = 1) -> None:
        self.policy = policy
        self._admit = POLICIES[policy]
        self._capacity = capacity
        self._waiting: Waiting = deque()
        self._changed = threading.Condition()
        self._hungry = False
        self._closed = False
        self.drops = 0

    def put(self, item: Item) -> None:
        """Never waits: a camera does not either."""
        with self._changed:
            if self._closed:
                self.drops += 1
            elif isinstance(item, Missed):
                self._waiting.append(item)
            else:
                self.drops += self._admit(self._waiting, item, self._capacity)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Item | None:
        """The oldest item, or None when nothing came in time."""
        with self._changed:
            self._hungry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout=timeout_s)
            self._hungry = False
            return self._waiting.popleft() if self._waiting else None

    def wait_hungry(self, timeout_s: float) -> bool:
        """True once the loop waits with nothing to do: how a replay runs as fast as it is consumed."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: self._hungry and not self._waiting, timeout=timeout_s))

    def close(self) -> None:
        """Nothing more will come; what waits is still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Close, and drop what waits, counted: only a free-running line may."""
        with self._changed:
            self.drops += len(self._waiting)
            self._waiting.clear()
        self.close()

    @property
    def finished(self) -> bool:
        """Closed and empty."""
        with self._changed:
            return self._closed and not self._waiting

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._waiting)
