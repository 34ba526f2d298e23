"""The engine's process as the line sees it: started, spoken to, killed, and why it ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from multiprocessing import get_context

from lineproof.line.engine_room import child
from lineproof.line.engine_room.slots import Slot
from lineproof.line.engine_room.wire import FromEngine, FromLine, order, told

# From the end of its pipes to the end of a killed process; a large one takes longer, and is then not named by its signal.
WORDS_S = 0.02


class EngineProcess:
    """One life of the engine.

    On Linux it is killed when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG): that thread must stay.
    """

    def __init__(self, build: bytes, slots: Sequence[Slot]) -> None:
        """Start it and return at once; raises OSError when the system has no process or no file to give."""
        # A fresh interpreter: a fork of a process with threads may hang, and CUDA does not survive one.
        context = get_context("spawn")
        taken, self._orders = context.Pipe(duplex=False)
        self._answers, given = context.Pipe(duplex=False)
        readers = tuple(slot.reader() for slot in slots)
        self._process = context.Process(
            target=child.live,
            args=(build, taken, given, readers, os.getpid()),
            name="lineproof engine",
            daemon=True,
        )
        try:
            self._process.start()
        except OSError:
            self._orders.close()
            self._answers.close()
            raise
        finally:
            taken.close()
            given.close()
        # Messages are far below PIPE_BUF: one is written whole or not at all.
        os.set_blocking(self._orders.fileno(), False)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def tell(self, message: FromLine) -> bool:
        """Never waits; False when the process is gone or has not listened for long."""
        try:
            self._orders.send_bytes(order(message))
        except (BlockingIOError, BrokenPipeError):
            return False
        return True

    def hear(self) -> FromEngine | None:
        """Wait for the next message; None when the process has ended."""
        try:
            return told(self._answers.recv_bytes())
        except (EOFError, OSError):  # OSError: it ended in the middle of a message
            return None

    @property
    def has_spoken(self) -> bool:
        """A message waits to be heard."""
        return self._answers.poll(0)

    def hang_up(self) -> None:
        """It ends after the job under way."""
        self._orders.close()

    def kill(self) -> None:
        """At once, whatever it does; may be called twice."""
        self._process.kill()

    def last_words(self) -> str:
        """Why it ended, as far as the system knows by now."""
        self._process.join(WORDS_S)
        code = self._process.exitcode
        if code is None:
            return "the engine's process ended"
        if code < 0:
            return f"the engine's process was ended by signal {-code} ({signal.strsignal(-code)})"
        return f"the engine's process ended with exit code {code}"

    def close(self) -> None:
        """Kill what is left of it, wait until the system has taken everything back, close the pipes."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._orders.close()
        self._answers.close()
