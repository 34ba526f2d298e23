"""Messages that were not yet confirmed: bounded in memory and, with a folder, results on the disk as well.

What is confirmed within GATHER_S of its coming never touches the disk. What waits longer is written and fsynced by a
thread of the store, all that came meanwhile together: a killed process loses at most the results of the last GATHER_S
and of one write. `flush` waits for it. States stay in memory: what a process said of itself is void once it is gone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lineproof.errors import SignalError
from lineproof.signals.store_log import DONE, MAX_MESSAGE_BYTES, WAITING, Key, StoreLog, record
from lineproof.signals.store_queue import Handed, Kind, Message, MessageQueue
from lineproof.signals.store_settings import StoreSettings

GATHER_S = 0.05
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # between attempts on a disk that takes nothing
CLOSE_S = 5.0  # a disk that hangs may not keep the process from ending
REMEMBERED = 10_000  # keys beyond those that wait: a result that is shown again is not a new one
COMPACT_BYTES = 1 << 20
COMPACT_RATIO = 4  # of the file to what waits


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What waits and what was lost; every loss is in here."""

    waiting_states: int
    waiting_results: int
    stored: int  # of the waiting results, those on the disk
    dropped_states: int
    dropped_results: int
    failures: int  # attempts to write that failed; all are tried again
    last_error: str  # "" when there was none
    unread_bytes: int  # of the file found at the start, from a torn or damaged record on


class StoreForward:
    """First in, first out; any thread may call any method, and one of them takes."""

    def __init__(self, settings: StoreSettings, beside: Path = Path()) -> None:
        """Open the folder, which lies `beside` the line file; raises SignalError when it cannot be used."""
        self._queue = MessageQueue(settings.messages, settings.megabytes * 1_000_000)
        self._log = StoreLog(beside / settings.folder) if settings.folder is not None else None
        self._changed = threading.Condition()
        self._keys: OrderedDict[Key, None] = OrderedDict()
        self._max_keys = REMEMBERED + settings.messages
        # With a folder a result that waits is in exactly one of these two.
        self._unsaved: dict[Key, bytes] = {}
        self._stored: set[Key] = set()
        self._done: list[Key] = []  # in the file, and to be struck out
        self._writing = self._failing = self._closed = False
        self._dropped = dict.fromkeys(Kind, 0)
        self._failures = 0
        self._last_error = ""
        if self._log is not None:
            with self._changed:
                self._load(self._log)
            self._thread = threading.Thread(target=self._keep, args=(self._log,), name="store", daemon=True)
            self._thread.start()

    def offer(self, message: Message) -> bool:
        """Take it and return, without waiting for a disk; False for a result whose key was offered before.

        Raises:
            SignalError: the store was closed, or the message is so large that no file could hold it.
        """
        if len(message.payload) > MAX_MESSAGE_BYTES:
            raise SignalError(f"a message of {len(message.payload)} bytes is too large", hint="shorten the part id")
        with self._changed:
            if self._closed:
                raise SignalError("the store of messages is closed")
            if message.kind is Kind.RESULT:
                key = (message.session, message.seq)
                if key in self._keys:
                    return False
                self._remember(key)
                if self._log is not None:
                    self._unsaved[key] = message.payload
                    self._changed.notify_all()
            self._drop(self._queue.add(message))
            return True

    def take(self, limit: int) -> list[Handed]:
        """The oldest that wait; each is to be confirmed, or all are put back. They are not dropped meanwhile."""
        with self._changed:
            return self._queue.take(limit)

    def confirm(self, handed: Handed) -> None:
        """The other end has it, or will never take it."""
        with self._changed:
            self._forget(self._queue.remove(handed))

    def put_back(self) -> None:
        """What was taken and not confirmed waits again, at its place."""
        with self._changed:
            self._drop(self._queue.put_back())

    def mark_historical(self) -> None:
        """The wire was down until now: what has come so far is not sent when it happened."""
        with self._changed:
            self._queue.mark_historical()

    def flush(self, timeout_s: float) -> bool:
        """Wait until every result that waits is on the disk; says whether it is. True without a folder."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._has_work() or self._writing), timeout_s)

    def health(self) -> StoreHealth:
        """The counters, all of one moment."""
        with self._changed:
            return StoreHealth(
                waiting_states=self._queue.count(Kind.STATE),
                waiting_results=self._queue.count(Kind.RESULT),
                stored=len(self._stored),
                dropped_states=self._dropped[Kind.STATE],
                dropped_results=self._dropped[Kind.RESULT],
                failures=self._failures,
                last_error=self._last_error,
                unread_bytes=self._log.unread_bytes if self._log is not None else 0,
            )

    def close(self) -> None:
        """Write what is unsaved, then stop; what is then in memory alone is lost and counted. May be called twice."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        if self._log is not None:
            self._thread.join(CLOSE_S)
        with self._changed:
            self._dropped[Kind.STATE] += self._queue.count(Kind.STATE)
            self._dropped[Kind.RESULT] += self._queue.count(Kind.RESULT) - len(self._stored)

    # Every caller of these holds the lock.

    def _remember(self, key: Key) -> None:
        self._keys[key] = None
        if len(self._keys) > self._max_keys:
            self._keys.popitem(last=False)

    def _drop(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._dropped[message.kind] += 1
            self._forget(message)

    def _forget(self, message: Message) -> None:
        if message.kind is Kind.STATE:
            return
        key = (message.session, message.seq)
        self._unsaved.pop(key, None)
        if key in self._stored:
            self._stored.remove(key)
            self._done.append(key)
        self._changed.notify_all()

    def _has_work(self) -> bool:
        return bool(self._unsaved or self._done or self._failing)

    def _load(self, log: StoreLog) -> None:
        for key, payload in log.take_waiting():
            self._remember(key)
            self._stored.add(key)
            self._drop(self._queue.add(Message(Kind.RESULT, *key, payload)))
        self._queue.mark_historical()

    # The disk: in the thread of the store.

    def _keep(self, log: StoreLog) -> None:
        """Write until closed; a failure is tried again later, and after `close` once more."""
        pause_s = FIRST_PAUSE_S
        try:
            while self._wait_for_work():
                if self._write(log):
                    pause_s = FIRST_PAUSE_S
                elif self._wait_closed(pause_s):
                    self._write(log)
                    return
                else:
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            log.close()

    def _wait_for_work(self) -> bool:
        """True when there is something to write, False when there is nothing and never will be."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._has_work() or self._closed)
                if not self._failing:
                    self._changed.wait_for(lambda: self._closed, GATHER_S)
                if self._has_work() or self._closed:
                    return self._has_work()

    def _wait_closed(self, wait_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, wait_s)

    def _write(self, log: StoreLog) -> bool:
        """Says whether the disk took everything; the lock is held for copies of references alone."""
        with self._changed:
            new, self._unsaved = self._unsaved, {}
            done, self._done = self._done, []
            self._stored.update(new)
            self._writing = True
            whole = not log.sound or log.size_bytes > max(COMPACT_BYTES, COMPACT_RATIO * self._queue.bytes)
            held = self._queue.results() if whole else []
        try:
            if whole:
                log.replace(record(WAITING, (item.session, item.seq), item.payload) for item in held)
            else:
                added = [record(WAITING, key, payload) for key, payload in new.items()]
                log.append([*added, *(record(DONE, key) for key in done)])
        except OSError as error:
            self._wrote(new, error)
            return False
        self._wrote(new, None)
        return True

    def _wrote(self, new: dict[Key, bytes], error: OSError | None) -> None:
        with self._changed:
            self._writing = False
            self._failing = error is not None  # the next write then replaces the file: it needs no `done`
            if error is not None:
                self._failures += 1
                self._last_error = f"the store of results: {error.strerror}"
                unsaved = {key: payload for key, payload in new.items() if key in self._stored}
                self._stored.difference_update(unsaved)
                self._unsaved = {**unsaved, **self._unsaved}
            self._changed.notify_all()
