"""The station's own side in simulated time: cameras, the engine, and the decision core between them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from lineproof.core.codes import FaultCode
from lineproof.core.station import Command
from lineproof.core.verdict import Decision, Reason
from lineproof.line.station.events import (
    Answered,
    Effect,
    Event,
    Expose,
    Exposed,
    FaultGone,
    FaultSeen,
    Finding,
    Inspected,
    Prepare,
    Tick,
    Verified,
)
from lineproof.line.station.machine import step
from lineproof.line.station.station import Station, Terms, view_of
from lineproof.signals.registers.edges import at_start, edges
from lineproof.signals.registers.image import REST, ControllerImage, controller_image, input_words
from lineproof.signals.registers.words import Words
from lineproof.sim.agenda import Agenda
from lineproof.sim.plc import SimPart
from lineproof.sim.scenario import Scenario

IDS = ("a" * 64, "b" * 64)
OTHER = ("c" * 64, "b" * 64)


@dataclass(slots=True)
class Spoilt:
    """What goes wrong next; every field is used up by the part it spoils."""

    frame: str = ""  # torn, frozen, lamp, stale, other, none
    engine: str = ""  # slow, hung, crashed, failed, twice, swapped


class Plant:
    """A station with cameras and an engine that sees perfectly what is on a frame."""

    def __init__(
        self, scenario: Scenario, agenda: Agenda, rng: random.Random, heard: Callable[[Answered], None]
    ) -> None:
        self.scenario, self.agenda = scenario, agenda
        self.spoilt = Spoilt()
        self.frozen = False  # the process is stopped: nothing turns, nothing beats
        self.up = False
        self.camera_up = True
        self.in_view: SimPart | None = None  # the part in front of the cameras
        self.last_frame: SimPart | None = None
        self._rng, self._heard = rng, heard
        self._last: ControllerImage | None = None
        self._shown: Words = REST
        self.station = self._fresh()

    def boot(self) -> None:
        """Start, and be verified after a while."""
        self.up, self._last = True, None
        self.station = self._fresh()
        self._show()
        self.agenda.after(self.scenario.timing.boot, self._verify)

    def kill(self) -> None:
        """The process is gone: the registers are those of a dead server."""
        self.up, self._shown = False, REST

    def read(self) -> Words | None:
        """What the controller reads; a dead server answers nothing."""
        return self._shown if self.up else None

    def write(self, words: Words) -> None:
        """What the controller wrote."""
        if not self.up or self.frozen:
            return
        after = controller_image(words)
        before = at_start(after) if self._last is None else self._last
        self._last = after
        for command in edges(before, after):
            self.tell(command)

    def turn(self) -> None:
        """The decision loop goes round."""
        if self.up and not self.frozen:
            self.tell(Tick())

    def tell(self, event: Event | Command) -> None:
        """One event into the core, its effects out of it."""
        if not self.up or self.frozen:
            return
        result = step(self.station, event, self.agenda.now_ns)
        if result.station is not self.station:
            self.station = result.station
            self._show()
        for effect in result.effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Answered):
            self._heard(effect)
        elif isinstance(effect, Expose):
            for view in effect.views:
                delay_ms = self.scenario.timing.exposure * self._rng.uniform(0.8, 1.2)
                self.agenda.after(delay_ms, lambda view=view: self._expose(effect, view))  # type: ignore[misc]
        elif isinstance(effect, Prepare):
            self.agenda.after(100, lambda: self.tell(Verified(*IDS, recipe=effect.recipe)))

    def _fresh(self) -> Station:
        timing = self.scenario.timing
        terms = Terms(deadline_ms=timing.deadline, views=self.scenario.views)
        return Station(terms, session=self._rng.randrange(1, 1 << 32))

    def _verify(self) -> None:
        self.tell(Verified(*IDS))

    def _show(self) -> None:
        self._shown = input_words(view_of(self.station, self.agenda.now_ns))

    def _expose(self, order: Expose, view: str) -> None:
        """A frame, with all that a camera can do to it; what is wrong is what the frame contract would see."""
        spoil, self.spoilt.frame = self.spoilt.frame, ""
        if not self.camera_up or spoil == "none":
            return
        content, exposed_ns, intact, why = self.in_view, self.agenda.now_ns, True, ""
        if spoil == "frozen":
            content, intact, why = self.last_frame, False, "the same picture as before"
        elif spoil == "lamp":
            intact, why = False, "too dark"
        elif spoil == "torn":
            intact, why = False, "incomplete"
        elif spoil in ("stale", "other"):  # out of a buffer: the part of before, exposed before the trigger
            content, exposed_ns = self.last_frame, order.triggered_ns - 1_000_000
        self.last_frame = self.in_view
        self.tell(Exposed(order.seq, view, exposed_ns, intact, why))
        self._infer(order, view, exposed_ns, content)

    def _infer(self, order: Expose, view: str, exposed_ns: int, content: SimPart | None) -> None:
        spoil, self.spoilt.engine = self.spoilt.engine, ""
        took_ms = self.scenario.timing.inference * self._rng.lognormvariate(0, 0.2)
        if spoil == "slow":
            took_ms += self.scenario.timing.deadline
        elif spoil in ("hung", "crashed"):
            self.agenda.after(20, lambda: self.tell(FaultSeen(FaultCode.ENGINE_LOST)))
            self.agenda.after(1500, lambda: self.tell(FaultGone(FaultCode.ENGINE_LOST)))
            return
        ids = OTHER if spoil == "swapped" else IDS
        decision = Decision.FAULT if spoil == "failed" or content is None else _truth(content)
        reasons = () if decision is Decision.PASS else (Reason("sim", "a defect"),)
        verdict = Inspected(order.seq, view, exposed_ns, *ids, Finding(decision, reasons))
        self.agenda.after(took_ms, lambda: self.tell(verdict))
        if spoil == "twice":
            self.agenda.after(took_ms + 1, lambda: self.tell(verdict))


def _truth(part: SimPart) -> Decision:
    return Decision.FAIL if part.bad else Decision.PASS
