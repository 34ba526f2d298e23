"""Controller, wire, station and conveyor in one simulated time, with an oracle that knows every part."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lineproof.core.station import Outcome
from lineproof.line.station.events import Answered
from lineproof.signals.registers.image import ControllerImage, holding_words
from lineproof.signals.registers.words import Words
from lineproof.sim.agenda import Agenda
from lineproof.sim.faults import FAULTS
from lineproof.sim.plant import Plant
from lineproof.sim.plc import Plc, SimPart
from lineproof.sim.scenario import FaultName, Scenario


@dataclass
class FaultTally:
    """What was seen around the parts that a fault was done to."""

    injected: int = 0
    let_through: int = 0  # parts with this fault that the controller let through, rightly or not
    wrong_pass: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    recovered_ms: float = 0.0  # the longest until the station was ready again


@dataclass
class Campaign:
    """How it ended."""

    scenario: Scenario
    parts: int = 0
    good_passed: int = 0
    good_ejected: int = 0
    bad_ejected: int = 0
    wrong_pass: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    faults: dict[FaultName, FaultTally] = field(default_factory=dict)


class World:
    """One campaign."""

    def __init__(self, scenario: Scenario, progress: Callable[[int], None] = lambda _: None) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed)  # noqa: S311 (a simulation)
        self.agenda = Agenda()
        self.plant = Plant(scenario, self.agenda, self.rng, self._answered)
        self.plc = Plc(scenario.timing.timer)
        self.link_up, self.torn_reads, self.flipped_reads = True, False, False
        self.campaign = Campaign(scenario, faults={name: FaultTally() for name in scenario.faults})
        self._progress = progress
        self._before: Words | None = None
        self._written: ControllerImage | None = None
        self._parts: list[SimPart] = []
        self._answered_by: dict[tuple[int, int], Outcome] = {}
        self._faulty: tuple[SimPart, int] | None = None  # the last part with a fault, and when it was done

    def run(self) -> Campaign:
        """Boot, let all parts pass, settle, count."""
        timing = self.scenario.timing
        self.plant.boot()
        self.agenda.every(timing.scan, self._scan)
        self.agenda.every(timing.turn, self.plant.turn)
        self.agenda.after(timing.boot + 500, self._next_part)
        end_ms = timing.boot + 2000
        while len(self._parts) < self.scenario.parts:
            end_ms += 100 * timing.pitch
            self.agenda.run_until(int(end_ms * 1e6))
            self._progress(len(self._parts))
        self.agenda.run_until(self.agenda.now_ns + int(5e9))
        self._count()
        return self.campaign

    def write(self, image: ControllerImage) -> None:
        """The controller's registers on their way to the station."""
        if self.link_up:
            words = holding_words(image)
            self.agenda.after(self.scenario.timing.wire, lambda: self.plant.write(words))

    def _scan(self) -> None:
        image = self.plc.scan(self._read(), self.agenda.now_ns)
        if image is not self._written or not self.link_up:  # a controller writes every scan; the same words say nothing
            self._written = image if self.link_up else None
            self.write(image)

    def _read(self) -> Words | None:
        """The block as the wire brings it: late by nothing, but perhaps torn or flipped."""
        words = self.plant.read() if self.link_up else None
        before, self._before = self._before, words
        if words is not None and self.torn_reads and before is not None:
            cut = self.rng.randrange(len(words))
            return (*words[:cut], *before[cut:])
        if words is not None and self.flipped_reads:
            flipped = list(words)
            for _ in range(self.rng.randrange(1, 5)):
                flipped[self.rng.randrange(len(words))] ^= 1 << self.rng.randrange(16)
            return tuple(flipped)
        return words

    def _next_part(self) -> None:
        if len(self._parts) >= self.scenario.parts:
            return
        part = SimPart(len(self._parts) + 1, bad=self.rng.random() < self.scenario.bad_share)
        self._parts.append(part)
        self.plant.in_view = part
        self.plc.arrived.append(part)
        if self.scenario.faults and self.rng.random() < self.scenario.fault_share:
            self._inject(part)
        timing = self.scenario.timing
        self.agenda.after(
            max(timing.timer + 2 * timing.scan, self.rng.gauss(timing.pitch, timing.jitter)), self._next_part
        )

    def _inject(self, part: SimPart) -> None:
        name = self.rng.choice(self.scenario.faults)
        part.fault = name
        self.campaign.faults[name].injected += 1
        self._faulty = part, self.agenda.now_ns
        FAULTS[name].inject(self)

    def _answered(self, answer: Answered) -> None:
        result = answer.result
        key = (result.session, result.seq)
        if key in self._answered_by:
            self.campaign.twice.append(f"{result.seq} of session {result.session}")
        self._answered_by[key] = result.outcome
        self.campaign.answers[result.outcome.value] += 1
        waiting = self.plc.waiting
        if waiting is None or waiting.seq != result.seq:
            return
        if waiting.part.fault is not None:
            self.campaign.faults[waiting.part.fault].answers[result.outcome.value] += 1
        if self._faulty is not None and result.outcome not in (Outcome.ERROR, Outcome.MISSED):
            self._note_recovery(waiting.part, *self._faulty)

    def _note_recovery(self, part: SimPart, faulty: SimPart, since_ns: int) -> None:
        """A later part was inspected: from the fault until its answer, the wait for the part included."""
        if part.number <= faulty.number or faulty.fault is None:
            return
        tally = self.campaign.faults[faulty.fault]
        tally.recovered_ms = max(tally.recovered_ms, (self.agenda.now_ns - since_ns) / 1e6)
        self._faulty = None

    def _count(self) -> None:
        campaign = self.campaign
        campaign.parts = len(self._parts)
        for part in self._parts:
            passed = part.ejected is False
            if part.fault is not None:
                campaign.faults[part.fault].let_through += passed
            if part.bad and passed:
                campaign.wrong_pass.append(f"part {part.number}, {part.fault or 'no fault'}")
                if part.fault is not None:
                    campaign.faults[part.fault].wrong_pass += 1
            campaign.good_passed += passed and not part.bad
            campaign.good_ejected += not passed and not part.bad
            campaign.bad_ejected += not passed and part.bad
