"""The same part_id and view again: the same inspection, also while the first one is still running."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lineproof.serve.errors import Refusal

MAX_KEPT_BYTES = 64_000_000  # an answer is about 1 kB, one with many ragged polygons a hundred; the oldest go first


class Answer(NamedTuple):
    """An inspection as it goes out."""

    inspection_id: str
    body: bytes


Result = Answer | Refusal
PartView = tuple[str, str]  # part_id, view


class Outcome:
    """A result that several requests may wait for; lives on the event loop.

    Lighter than a shielded future, and one turn of the loop quicker; a request that is cancelled takes only itself away.
    """

    __slots__ = ("_settled", "_waiters", "result")

    def __init__(self, settled: Callable[[Result], None] | None = None) -> None:
        """Open; `settled` is called once, with the result."""
        self.result: Result | None = None
        self._settled = settled
        self._waiters: list[asyncio.Future[Result]] = []

    def settle(self, result: Result) -> bool:
        """Give everybody the result; False when they have one already."""
        if self.result is not None:
            return False
        self.result = result
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(result)
        self._waiters.clear()
        if self._settled is not None:
            self._settled(result)
        return True

    def then(self, settled: Callable[[Result], None]) -> None:
        """Call this with the result."""
        assert self.result is None
        self._settled = settled

    async def wait(self) -> Result:
        """The result, once there is one."""
        if self.result is not None:
            return self.result
        waiter: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return await waiter


@dataclass(slots=True, eq=False)
class _Entry:
    digest: bytes  # sha256 of the image
    outcome: Outcome
    expires_s: float = float("inf")  # the window opens with the answer


class Repeats:
    """Inspections by part and view; lives on the event loop, bounded in time, number and bytes.

    Only answered inspections are kept: after a refusal – 400, 429, 504 – the same part may be sent again at once.
    """

    def __init__(self, *, window_s: float, limit: int, clock: Callable[[], float]) -> None:
        """Keep at most `limit` answers for `window_s` seconds of `clock`."""
        self._window_s = window_s
        self._limit = limit
        self._clock = clock
        self._running: dict[PartView, _Entry] = {}  # bounded by the worker's queue
        self._kept: OrderedDict[PartView, _Entry] = OrderedDict()  # in the order of answering, so of expiry
        self._kept_bytes = 0

    def __len__(self) -> int:
        """How many parts are known, running ones included."""
        return len(self._running) + len(self._kept)

    def find(self, key: PartView, digest: Callable[[], bytes]) -> Outcome | None:
        """The outcome of the inspection that this one repeats; raises Refusal (409) when its bytes were others.

        `digest` is asked only when the key is known: a new part need not wait for it.
        """
        self._forget_expired()
        entry = self._running.get(key) or self._kept.get(key)
        if entry is None:
            return None
        if entry.digest != digest():
            raise Refusal(
                "part_conflict",
                f"part {key[0]}, view {key[1]}, was sent with other bytes within the last {self._window_s:g} s",
                hint="give every image its own part_id and view, or wait for the window to pass",
            )
        return entry.outcome

    def follow(self, key: PartView, digest: bytes, outcome: Outcome) -> None:
        """From now on, the same key gets this outcome, which is still open."""
        self._running[key] = _Entry(digest, outcome)
        outcome.then(lambda result: self._settle(key, result))

    def _settle(self, key: PartView, result: Result) -> None:
        entry = self._running.pop(key)
        if isinstance(result, Refusal) or self._window_s == 0:
            return
        entry.expires_s = self._clock() + self._window_s
        self._kept[key] = entry
        self._kept_bytes += len(result.body)
        while len(self._kept) > self._limit or self._kept_bytes > MAX_KEPT_BYTES:
            self._forget_oldest()

    def _forget_expired(self) -> None:
        now_s = self._clock()
        while self._kept and next(iter(self._kept.values())).expires_s <= now_s:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, entry = self._kept.popitem(last=False)
        if isinstance(entry.outcome.result, Answer):
            self._kept_bytes -= len(entry.outcome.result.body)
