"""`python -m lineproof.adapt.ladder.child`: trials one after the other; a line of stdin for each, events on stdout.

To start takes ten seconds of a processor core, most of them in imports, so a round's trials share it. Its stdin stays
open as long as whoever started it lives: at its end this process ends too, whatever it is doing, so no training outlives
a comparison that was killed. What an epoch left on the disk is whole at any moment.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

LOG = "trial.log"
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

    def over(self, key: str) -> None:
        """A trial is over, and its figures are on the disk."""
        self._write({"over": key})

    def _tell(self, text: str | None = None) -> None:
        self._told_s = time.monotonic()
        done = self._done + min(self._batch / self._batches, 1)
        self._write({"done": round(done, 3), "epochs": self._epochs} | ({} if text is None else {"text": text}))

    def _write(self, event: dict[str, object]) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def read_until_parent_ends(stdin: TextIO, leave: Callable[[int], None] = os._exit) -> SimpleQueue[str]:
    """The lines of `stdin` as they come; this process ends when `stdin` does."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in stdin:
            lines.put(line)
        leave(1)

    threading.Thread(target=read, name="ladder parent", daemon=True).start()
    return lines


def main() -> None:
    """Run the trials that are named, until nobody is left to name one; their figures are in trial.json."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not break the events
    lines = read_until_parent_ends(sys.stdin)
    LineProgress(events).say("starting")
    import torch

    from lineproof.adapt.ladder.candidate import TrialSpec
    from lineproof.adapt.ladder.trial import run_trial

    while True:
        spec, progress = TrialSpec.model_validate_json(lines.get()), LineProgress(events)
        _log_into(Path(spec.folder) / LOG)
        result = run_trial(spec, progress)
        gc.collect()  # the next trial has all the memory, as the first one had
        torch.cuda.empty_cache()
        progress.over(result.key)


def _log_into(path: Path) -> None:
    """Whatever is printed from now on is of this trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())


if __name__ == "__main__":
    main()
