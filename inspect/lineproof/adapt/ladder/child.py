"""`python -m lineproof.adapt.ladder.child`: one trial in a process of its own; the spec on stdin, events on stdout.

Its stdin stays open as long as whoever started it lives: at its end this process ends too, whatever it is doing, so no
training outlives a comparison that was killed. What an epoch left on the disk is whole at any moment.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

_EVERY_S = 0.5  # batches are told no more often


class LineProgress:
    """A JSON object per event on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._epochs, self._batches, self._done, self._batch = 1, 1, 0, 0
        self._told_s = 0.0

    def begin(self, epochs: int, done: int, batches: int) -> None:
        """Training starts, or goes on."""
        self._epochs, self._batches, self._done, self._batch = epochs, max(batches, 1), done, 0
        self._tell()

    def batch(self) -> None:
        """One more."""
        self._batch += 1
        if time.monotonic() - self._told_s >= _EVERY_S:
            self._tell()

    def epoch(self, row: object) -> None:
        """Figures of a finished epoch."""
        self._done, self._batch = int(getattr(row, "epoch", self._done + 1)), 0
        text = getattr(row, "text", None)
        self._tell(str(text()) if callable(text) else "")

    def say(self, text: str) -> None:
        """A remark."""
        self._write({"say": text})

    def _tell(self, text: str | None = None) -> None:
        self._told_s = time.monotonic()
        done = self._done + min(self._batch / self._batches, 1)
        self._write({"done": round(done, 3), "epochs": self._epochs} | ({} if text is None else {"text": text}))

    def _write(self, event: dict[str, object]) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def end_with_parent(stdin: TextIO, leave: Callable[[int], None] = os._exit) -> threading.Thread:
    """End this process when `stdin` ends."""

    def wait() -> None:
        while stdin.read(1):
            pass
        leave(1)

    thread = threading.Thread(target=wait, name="ladder parent", daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Read the spec, run the trial; its figures are in trial.json."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not break the events
    line = sys.stdin.readline()
    end_with_parent(sys.stdin)
    progress = LineProgress(events)
    progress.say("starting")
    from lineproof.adapt.ladder.candidate import TrialSpec
    from lineproof.adapt.ladder.trial import run_trial

    run_trial(TrialSpec.model_validate_json(line), progress)
    events.close()
    sys.stderr.flush()
    os._exit(0)  # everything is written; threads of libraries are not waited for


if __name__ == "__main__":
    main()
