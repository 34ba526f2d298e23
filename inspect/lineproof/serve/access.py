"""One line per request in the log, written by a thread of its own: a slow terminal or a full pipe delays no part."""

from __future__ import annotations

import logging
import time
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

access_log = logging.getLogger("lineproof.serve.access")

LOGGED_PATH_CHARS = 100
GATHER_S = 0.1  # lines are written together: a thread that wakes for each would take the interpreter from a request
MAX_PENDING = 10_000  # lines that wait for a log that does not take them; more are dropped, and counted
CLOSE_S = 1.0  # how long the end of the server waits for the log


class _Line(NamedTuple):
    at_s: float  # of the wall clock
    client: str
    caller: str
    method: str
    path: str
    status: int
    took_ms: float


class AccessLog:
    """Takes notes on the event loop, writes them in its thread; no query, no header, so no token."""

    def __init__(self) -> None:
        """Nothing is started before `open`."""
        self._lines: SimpleQueue[_Line | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._dropped = 0

    def open(self) -> None:
        """Start writing."""
        self._thread = Thread(target=self._write, name="lineproof-access", daemon=True)
        self._thread.start()

    def note(self, client: str, caller: str, method: str, path: str, status: int, took_ms: float) -> None:
        """One request was answered; returns at once."""
        if self._lines.qsize() >= MAX_PENDING:
            self._dropped += 1
        else:
            self._lines.put(_Line(time.time(), client, caller, method, path, status, took_ms))

    def close(self) -> None:
        """Write what is left; give up on a log that does not take it."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join(CLOSE_S)

    def _write(self) -> None:
        """Until None comes: sleep a little once there is something, then write all there is."""
        more = True
        while more:
            lines = [self._lines.get()]
            if lines[0] is not None:
                time.sleep(GATHER_S)
            while not self._lines.empty():
                lines.append(self._lines.get())
            for line in lines:
                if line is not None:
                    _log(line)
            more = None not in lines
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        if dropped := self._dropped:
            self._dropped -= dropped
            access_log.warning("%d requests are not in this log: it did not take them in time", dropped)


def _log(line: _Line) -> None:
    """As if it had been logged when it happened; a path cannot break the line."""
    if not access_log.isEnabledFor(logging.INFO):
        return
    shown = line.path[:LOGGED_PATH_CHARS].encode("unicode_escape").decode("ascii")
    who = f"{line.client} {line.caller}" if line.caller else line.client
    words = (who, line.method, shown, line.status, line.took_ms)
    record = access_log.makeRecord(
        access_log.name, logging.INFO, __file__, 0, "%s %s %s %d %.1f ms", words, None, func="note"
    )
    record.created, record.msecs = line.at_s, line.at_s % 1 * 1000
    access_log.handle(record)
