"""The controller of one station: the PLC rule, scan by scan, over a real connection."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lineproof.core.station import Outcome
from lineproof.signals.registers.decode import read_block
from lineproof.signals.registers.layout import Status
from lineproof.signals.registers.words import Words
from lineproof.sim.live.client import Link
from lineproof.sim.plc import Plc, SimPart
from lineproof.sim.scenario import FaultName

WIRE_S = 0.005  # of a scan, for a read and again for a write; what takes longer is waited for in the next scans


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a part, and what the controller went by."""

    station: str
    number: int
    part_id: str
    session: int  # shown by the station when the part was triggered
    seq: int
    passed: bool
    read: Outcome | None  # None: no answer in time
    wire_lost: bool  # a connection was lost while it was waited for
    fault: FaultName | None
    offered_ns: int  # monotonic
    at_ns: int


class Controller:
    """One PLC and its wire."""

    def __init__(self, station: str, link: Link, timer_ms: float) -> None:
        """Not connected yet."""
        self.station = station
        self.link = link
        self.plc = Plc(timer_ms)
        self.ready = False  # TriggerReady, as looked at last
        self.fault = 0  # FAULT_CODE of the same moment
        self._offered_ns = 0

    @property
    def free(self) -> bool:
        """The next part may come: no part is waited for."""
        return self.plc.waiting is None and not self.plc.arrived

    def offer(self, part: SimPart) -> None:
        """A part is in front of the cameras."""
        self._offered_ns = time.monotonic_ns()
        self.plc.arrived.append(part)

    def scan(self) -> Fate | None:
        """One cycle; the fate of the part that was waited for, if this cycle decided it."""
        words = self.link.read(WIRE_S)
        now_ns = time.monotonic_ns()
        waiting = self.plc.waiting
        image = self.plc.scan(words, now_ns)
        fate = None
        if waiting is not None and waiting.part.ejected is not None:
            part = waiting.part
            fate = Fate(
                self.station,
                part.number,
                f"P{part.number}",  # as the PLC names it
                waiting.session,
                waiting.seq,
                passed=not part.ejected,
                read=_answer(words, waiting.session, waiting.seq),
                wire_lost=self.link.lost_ns >= self._offered_ns,
                fault=part.fault,
                offered_ns=self._offered_ns,
                at_ns=now_ns,
            )
        self.link.write(image, WIRE_S)
        return fate

    def look(self) -> None:
        """Take note of TriggerReady and FAULT_CODE."""
        words = self.link.read(WIRE_S)
        block = None if words is None else read_block(words)
        self.ready = block is not None and bool(block.status & Status.TRIGGER_READY)
        self.fault = 0 if block is None else block.fault_code


def _answer(words: Words | None, session: int, seq: int) -> Outcome | None:
    block = None if words is None else read_block(words)
    reading = None if block is None else block.reading
    return reading.outcome if reading is not None and (reading.session, reading.seq) == (session, seq) else None
