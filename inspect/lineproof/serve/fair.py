"""Who is next, and who has to leave: a bounded line with fair shares per caller.

With Q places and k callers in line (the one who arrives included), each caller's *share* is Q // k places.

- While there is a free place, everybody gets one: a lone caller may fill the whole line.
- When there is none, whoever has less than his share gets the place of the newest job of the caller with the most, who
  then has more than his share; everybody else is turned away.
- Jobs are taken caller by caller in turn, and for each caller in the order of arrival.

So nobody waits behind more than one job of each other caller at a time, and nobody can keep others out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Lock
from typing import Generic, TypeVar

Job = TypeVar("Job")


class FairLine(Generic[Job]):
    """Jobs in line by caller; safe to use from several threads, every call takes microseconds."""

    def __init__(self, places: int, hands: int) -> None:
        """`places` for jobs that wait, and `hands` that take them: what an idle hand will take at once does not wait."""
        self._places = places
        self._idle = hands
        self._lock = Lock()
        self._by_caller: OrderedDict[str, deque[Job]] = OrderedDict()  # the first caller is the next to be served
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def put(self, caller: str, job: Job) -> Job | None:
        """Stand in line; what comes back must be turned away: nothing, an earlier job of another caller, or this one."""
        with self._lock:
            leaver = None
            if self._count >= self._places + self._idle:
                greedy = self._greedy_for(caller)
                if greedy is None:
                    return job
                leaver = self._by_caller[greedy].pop()  # more than its share, so never its last
                self._count -= 1
            self._by_caller.setdefault(caller, deque()).append(job)
            self._count += 1
            return leaver

    def _greedy_for(self, caller: str) -> str | None:
        """Whose newest job makes room for this caller; None when he has his share already."""
        mine = len(self._by_caller.get(caller, ()))
        callers = len(self._by_caller) + (mine == 0)
        if mine >= (self._places + self._idle) // callers:
            return None
        return max(self._by_caller, key=lambda name: len(self._by_caller[name]))

    def take(self) -> Job | None:
        """The next job for an idle hand, which says `done` afterwards; None when nobody waits."""
        with self._lock:
            if not self._by_caller:
                return None
            caller, jobs = self._by_caller.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._by_caller[caller] = jobs  # at the end: everybody else comes first
            self._count -= 1
            self._idle -= 1
            return job

    def done(self) -> None:
        """A hand is idle again."""
        with self._lock:
            self._idle += 1

    def leave(self, caller: str, job: Job) -> bool:
        """Take a job out of the line; False when it was taken or turned away before."""
        with self._lock:
            jobs = self._by_caller.get(caller)
            if jobs is None or job not in jobs:
                return False
            jobs.remove(job)
            if not jobs:
                del self._by_caller[caller]
            self._count -= 1
            return True
