"""Who is next: stations in turn, each station's jobs oldest first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lineproof.line.engine_room.events import Key


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    due_ns: int


class FairQueue:
    """Numbers of jobs, round-robin over keys: the oldest job of a key waits for at most one of every other key."""

    def __init__(self) -> None:
        self._waiting: dict[Key, deque[_Waiting]] = {}  # in the order of their turns; no key without a job

    def put(self, key: Key, number: int, due_ns: int) -> None:
        """Behind the jobs of its key; a key that had none comes last."""
        self._waiting.setdefault(key, deque()).append(_Waiting(number, due_ns))

    def take(self) -> int | None:
        """The next number, or None; its key then goes behind all others."""
        if not self._waiting:
            return None
        key = next(iter(self._waiting))
        jobs = self._waiting.pop(key)
        first = jobs.popleft()
        if jobs:
            self._waiting[key] = jobs
        return first.number

    def late(self, now_ns: int) -> list[int]:
        """Take out every number whose due time has passed; nobody loses a turn."""
        late = [job.number for jobs in self._waiting.values() for job in jobs if now_ns >= job.due_ns]
        for number in late:
            self.drop(number)
        return late

    def drop(self, number: int) -> bool:
        """Take a number out; False when it is not waiting."""
        for key, jobs in self._waiting.items():
            kept = deque(job for job in jobs if job.number != number)
            if len(kept) == len(jobs):
                continue
            if kept:
                self._waiting[key] = kept
            else:
                del self._waiting[key]
            return True
        return False

    def __len__(self) -> int:
        """Jobs that wait."""
        return sum(map(len, self._waiting.values()))
