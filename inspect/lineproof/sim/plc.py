"""A careful controller: the PLC rule of the I/O page, scan by scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lineproof.signals.registers.decode import Block, is_pass, read_block
from lineproof.signals.registers.image import ControllerImage
from lineproof.signals.registers.layout import Status
from lineproof.signals.registers.words import Words
from lineproof.sim.scenario import FaultName

HEARTBEAT_MS = 100.0
WATCHDOG_MS = 300.0


@dataclass(slots=True)
class SimPart:
    """A thing on the conveyor."""

    number: int
    bad: bool
    ejected: bool | None = None  # None: still under way
    fault: FaultName | None = None


@dataclass(slots=True)
class Waiting:
    """A part whose result is waited for."""

    part: SimPart
    seq: int
    session: int
    since_ns: int


class Plc:
    """Ejects unless told in time, for this very part, by a station that is alive."""

    def __init__(self, timer_ms: float) -> None:
        self.image = ControllerImage(enable=True)
        self.seq = 0
        self.waiting: Waiting | None = None
        self.arrived: list[SimPart] = []
        self.mute = False  # its own heartbeat stands still
        self.acknowledges = True
        self._timer_ms = timer_ms
        self._beaten_ns = 0
        self._heartbeat: int | None = None
        self._changed_ns = 0
        self._session = 0
        self._words: Words | None = None
        self._block: Block | None = None

    def scan(self, words: Words | None, now_ns: int) -> ControllerImage:
        """One cycle: inputs as read (None: the wire is down), outputs to write."""
        if words is not self._words:  # most scans read what the one before read
            self._words, self._block = words, None if words is None else read_block(words)
        block = self._block
        self._watch(block, now_ns)
        if self.image.ack:
            self.image = replace(self.image, ack=False)
        if self.waiting is not None:
            self._wait(self.waiting, words, block, now_ns)
        if self.arrived:
            self._trigger(self.arrived.pop(0), now_ns)
        if not self.mute and now_ns - self._beaten_ns >= HEARTBEAT_MS * 1e6:
            self._beaten_ns = now_ns
            self.image = replace(self.image, heartbeat=(self.image.heartbeat + 1) % (1 << 16))
        return self.image

    def _watch(self, block: Block | None, now_ns: int) -> None:
        if block is not None and block.heartbeat != self._heartbeat:
            self._heartbeat, self._changed_ns = block.heartbeat, now_ns
        if block is not None:
            self._session = block.session

    def _wait(self, waiting: Waiting, words: Words | None, block: Block | None, now_ns: int) -> None:
        if block is not None and block.status & Status.TRIGGER_ACK:
            self.image = replace(self.image, trigger=False)
        over = now_ns - waiting.since_ns > self._timer_ms * 1e6
        beats = now_ns - self._changed_ns <= WATCHDOG_MS * 1e6
        if not over and beats and words is not None and is_pass(words, seq=waiting.seq, session=waiting.session):
            self._end(waiting, ejected=False)
        elif block is not None and block.reading is not None and block.reading.seq == waiting.seq:
            self._end(waiting, ejected=True)
        elif over:
            waiting.part.ejected = True
            self.waiting = None
            self.image = replace(self.image, trigger=False)

    def _end(self, waiting: Waiting, *, ejected: bool) -> None:
        waiting.part.ejected = ejected
        self.waiting = None
        self.image = replace(self.image, trigger=False, ack=self.acknowledges)

    def _trigger(self, part: SimPart, now_ns: int) -> None:
        if self.waiting is not None:  # the next part is here: the one before cannot be held any longer
            self.waiting.part.ejected = True
        if self.image.trigger:  # an edge needs a low level first
            self.image = replace(self.image, trigger=False)
            self.arrived.insert(0, part)
            self.waiting = None
            return
        self.seq = (self.seq + 1) % (1 << 32) or 1
        self.waiting = Waiting(part, self.seq, self._session, now_ns)
        self.image = replace(self.image, trigger=True, trigger_seq=self.seq, part_id=f"P{part.number}")
