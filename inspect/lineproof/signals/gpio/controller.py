"""A station on GPIO lines: one thread drives the outputs, one waits for edges, neither ever waits for the other.

    decision loop   show(view)  → OutputPlan → output thread → lines
    decision loop   commands()  ← queue      ← input thread  ← edges

The decision loop never waits for a chip.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lineproof.core.numbering import Numbering
from lineproof.core.station import Acknowledged, Command, Enabled, StationView, Triggered
from lineproof.errors import SignalError
from lineproof.signals.gpio.inputs import Asked, Inputs, PartSeen
from lineproof.signals.gpio.lines import LineEdge, Lines
from lineproof.signals.gpio.outputs import OutputPlan, Phase
from lineproof.signals.gpio.quadrature import Quadrature
from lineproof.signals.gpio.settings import GpioSettings, Input

QUEUED = 64  # commands; a loop that leaves so many is not running
POLL_S = 0.05  # how long the input thread takes at most to see that it is to stop
STOP_S = 1.0


class CountsParts(Protocol):
    """Takes the positions of an encoder, e.g. `line.triggers.encoder.EncoderTrigger`."""

    def moved_to(self, count: int) -> None:
        """The position now, uint32."""

    def lost(self, why: str) -> None:
        """The position is not known any more; the next one is a new start."""


@dataclass(frozen=True, slots=True)
class GpioHealth:
    """What was counted since the start."""

    bounced: int  # edges that did not count
    void: int  # triggers that nobody took in time, or for which there was no room
    lost: int  # edges that the kernel had no room for


class GpioController:
    """Implements ports.Controller.

    Without an ACK line, a station that triggers here has its results acknowledged here once their strobe is over; PASS
    is then a pulse as long as the strobe.
    """

    def __init__(
        self,
        settings: GpioSettings,
        lines: Lines,
        numbering: Numbering,
        *,
        encoder: CountsParts | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """Outputs at rest, edges are taken from now on; `lines` are closed with the controller.

        `encoder` is told the positions of the quadrature lines, from the input thread. `wake` is called, from one of
        the threads, after a command was queued.
        """
        self._settings = settings
        self._lines = lines
        self._numbering = numbering
        self._encoder = encoder
        self._wake = wake or (lambda: None)
        self._plan = OutputPlan(settings)
        self._inputs = Inputs(settings, debounced=lines.debounced)
        self._acks_itself = Input.TRIGGER in settings.inputs and Input.ACK not in settings.inputs
        self._queue: deque[Asked] = deque()
        self._void = 0
        self._upset = ""  # told once, by the next `commands`
        self._trouble = ""  # the wire is down
        self._shown_ns = 0
        self._news = threading.Condition()
        self._fresh = False  # there is a view that is not on the lines yet
        self._stopping = False
        self._threads = [threading.Thread(target=self._drive, name="gpio-out", daemon=True)]
        self._quadrature = self._start_quadrature()
        self._ask_enable()
        if settings.inputs:
            self._threads.append(threading.Thread(target=self._listen, name="gpio-in", daemon=True))
        for thread in self._threads:
            thread.start()

    def show(self, view: StationView) -> None:
        """Hand the view to the output thread; raises SignalError when the lines cannot be driven any more."""
        self._require_up()
        with self._news:
            self._shown_ns = time.monotonic_ns()
            self._plan.show(view)
            self._fresh = True
            self._news.notify()

    def commands(self) -> Sequence[Command]:
        """What was asked since the last call, oldest first.

        Raises:
            SignalError: the lines cannot be read any more; or, once for each time, edges were lost or a trigger is void.
        """
        self._require_up()
        now_ns = time.monotonic_ns()
        found: list[Command] = []
        while self._queue and not self._upset:
            asked = self._queue.popleft()
            if not isinstance(asked, PartSeen):
                found.append(asked)
                continue
            seq = self._numbering.next()  # also of a void one, so that the station counts a gap
            age_ms = (now_ns - asked.at_ns) / 1e6
            if age_ms > self._settings.max_age_ms:
                self._void += 1
                self._upset = f"the trigger of part {seq} waited {age_ms:.0f} ms: its part has moved on"
            else:
                found.append(Triggered(seq))
        if self._upset and not found:
            why, self._upset = self._upset, ""
            raise SignalError(f"gpio {self._settings.chip}: {why}")
        return found

    def health(self) -> GpioHealth:
        """Counters."""
        return GpioHealth(self._inputs.bounced, self._void, self._lines.lost)

    def close(self) -> None:
        """Every output de-energised, every line released."""
        with self._news:
            self._stopping = True
            self._news.notify()
        for thread in self._threads:
            thread.join(STOP_S)
        self._lines.close()

    def _require_up(self) -> None:
        dead = "" if all(thread.is_alive() for thread in self._threads) else "a thread of the wire has died"
        why = self._trouble or ("it was closed" if self._stopping else dead)
        if why:
            raise SignalError(f"gpio {self._settings.chip} is down: {why}")

    def _drive(self) -> None:
        """The output thread; whatever ends it leaves the lines at rest."""
        at = {name: line.offset for name, line in self._settings.outputs.items()}
        put = dict.fromkeys(at.values(), False)
        try:
            while True:
                with self._news:
                    if not self._fresh and not self._stopping:
                        self._news.wait(self._wait_s())
                    if self._stopping:
                        return
                    told_seq = self._advance()
                    levels, step = self._plan.levels(), self._plan.step
                wanted = {offset: levels[name] for name, offset in at.items()}
                if wanted != put:
                    self._lines.put(wanted)
                    put = wanted
                if told_seq and self._acks_itself:
                    self._ask(Acknowledged(told_seq))
                with self._news:
                    self._plan.driven(step, time.monotonic_ns())
        except SignalError as error:
            self._trouble = str(error)
        finally:
            self._rest(put)

    def _rest(self, outputs: Iterable[int]) -> None:
        try:
            self._lines.put(dict.fromkeys(outputs, False))
        except SignalError as error:
            self._trouble = self._trouble or str(error)

    def _advance(self) -> int:
        """The plan to this moment; the number of the result whose strobe is over with it, else 0. The lock is held."""
        self._fresh = False
        was = self._plan.phase
        now_ns = time.monotonic_ns()
        if now_ns - self._shown_ns > self._settings.silent_ms * 1e6:
            self._plan.silence()
        self._plan.advance(now_ns)
        is_told = was is Phase.STROBE and self._plan.phase is Phase.HELD
        return self._plan.strobed_seq if is_told else 0

    def _wait_s(self) -> float:
        """Until the next phase, or until silence is to be noticed."""
        due_ns = self._plan.due_ns
        limit_s = self._settings.silent_ms / 4000
        return limit_s if due_ns is None else max(0.0, min(limit_s, (due_ns - time.monotonic_ns()) / 1e9))

    def _listen(self) -> None:
        """The input thread."""
        lost = 0
        try:
            while not self._stopping:
                for edge in self._lines.wait(POLL_S):
                    self._take(edge)
                if self._lines.lost > lost:
                    self._edges_lost(self._lines.lost - lost)
                    lost = self._lines.lost
        except SignalError as error:
            self._trouble = str(error)

    def _take(self, edge: LineEdge) -> None:
        quadrature = self._quadrature
        if quadrature is not None and edge.offset in quadrature.offsets:
            if not quadrature.take(edge):
                self._edges_lost(1)
            elif self._encoder is not None:
                self._encoder.moved_to(quadrature.count)
            return
        with self._news:
            seq, since_ns = self._plan.strobed_seq, self._plan.strobed_ns
        for asked in self._inputs.asked(edge, readable_seq=seq, readable_ns=since_ns):
            self._ask(asked)

    def _ask(self, asked: Asked) -> None:
        """Never while the lock is held: `wake` is somebody else's."""
        if len(self._queue) >= QUEUED:
            self._void += 1
            self._upset = f"{QUEUED} commands wait already: the decision loop does not take them"
            return
        self._queue.append(asked)
        self._wake()

    def _ask_enable(self) -> None:
        line = self._settings.inputs.get(Input.ENABLE)
        if line is not None:
            self._ask(Enabled(on=self._lines.level(line.offset)))

    def _start_quadrature(self) -> Quadrature | None:
        inputs = self._settings.inputs
        if Input.ENCODER_A not in inputs:
            return None
        a, b = inputs[Input.ENCODER_A].offset, inputs[Input.ENCODER_B].offset
        return Quadrature(a, b, a=self._lines.level(a), b=self._lines.level(b))

    def _edges_lost(self, count: int) -> None:
        """Levels are read anew; a trigger among them is a part without an answer, which no PASS can follow."""
        self._upset = f"{count} edges were lost: they come faster than they can be taken"
        self._quadrature = self._start_quadrature()
        self._ask_enable()
        if self._encoder is not None and self._quadrature is not None:
            self._encoder.lost(self._upset)
