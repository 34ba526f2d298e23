"""Parts and faults against a real line in real time: what the conveyor, the controllers and the hands on the line do.

    one turn of SCAN    what is due (faults begin and end) → each controller scans → parts are let in

Everything here runs in one thread; the line has processes of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from lineproof.core.codes import FaultCode
from lineproof.errors import GateError
from lineproof.sim.agenda import Agenda
from lineproof.sim.live.controller import Controller, Fate
from lineproof.sim.live.faults import LIVE_FAULTS, Hands
from lineproof.sim.live.plan import Plan
from lineproof.sim.live.process import LineProcess
from lineproof.sim.plc import SimPart
from lineproof.sim.scenario import FaultName

READY_S = 180.0  # a start verifies the bundle and builds the engine: seconds, on a busy machine many
BACK_S = 60.0  # after a fault; promised are 10 s (faults.md 1.2), which the report shows and nothing here depends on
LAST_S = 0.3  # for the last answer to be acknowledged
_FOR_GOOD = tuple(code for code in FaultCode if code.needs_reset)


@dataclass(slots=True)
class LiveTally:
    """What came of one kind of fault."""

    done: int = 0
    not_done: int = 0  # the line may not replace its engine once more, or there was no engine
    not_back: int = 0  # nothing was inspected again in time
    back_ms: float = 0.0  # the longest, from the fault to the next part that was inspected at every station


@dataclass(slots=True)
class Played:
    """What happened, as the controllers saw it."""

    fates: list[Fate] = field(default_factory=list)
    offered: dict[str, int] = field(default_factory=dict)  # by station
    faults: dict[FaultName, LiveTally] = field(default_factory=dict)
    killed_ns: tuple[int, ...] = ()  # when the line's process was killed
    ended_early: str = ""  # the line ended by itself, and what it said
    stopped_well: bool = True
    seconds: float = 0.0


@dataclass(slots=True)
class _Doing:
    """A fault that is not over, or after which nothing was inspected yet."""

    name: FaultName
    begun_ns: int
    over_ns: int
    waiting: set[str]  # stations that inspected nothing since


class Campaign:
    """One run against one line, which is started here; `with` ends both, whatever happens."""

    def __init__(self, plan: Plan, line: LineProcess, progress: Callable[[int, str], None]) -> None:
        """`progress` hears how many parts have their fate, and which fault is being done."""
        self.plan = plan
        self.played = Played(
            offered=dict.fromkeys(plan.stations, 0), faults={name: LiveTally() for name in plan.faults}
        )
        self._line = line
        self._progress = progress
        self._rng = random.Random(plan.scenario.seed)  # noqa: S311 (a simulation)
        self._agenda = Agenda()
        self._hands = Hands(line, self._agenda, self._rng)
        self._controllers = plan.controllers()
        self._left = dict.fromkeys(plan.stations, plan.parts)
        self._due_ns = dict.fromkeys(plan.stations, 0)
        self._doing: _Doing | None = None
        self._order: list[FaultName] = []
        self._quiet_parts = 0  # let in since the last fault was over
        self._engines_used = 0  # since the line was started last
        self._began_ns = time.monotonic_ns()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for controller in self._controllers:
            controller.link.close()
        self._line.close()

    def get_ready(self) -> None:
        """Start the line and wait until every station would take a trigger.

        Raises:
            GateError: it ended instead, or did not become ready.
        """
        self._line.start()
        end_s = time.monotonic() + READY_S
        while not all(controller.ready for controller in self._controllers):
            self._require_hope(end_s)
            self._turn()
            for controller in self._controllers:
                controller.look()

    def _require_hope(self, end_s: float) -> None:
        said = self._line.last_words
        if self._line.ended:
            raise GateError(f"the line did not start: {said}")
        hint = "`lineproof run` of the same line file says more"
        for controller in self._controllers:
            if controller.fault in _FOR_GOOD:
                name = FaultCode(controller.fault).name
                raise GateError(
                    f"{controller.station} will not be ready: FAULT_CODE {controller.fault} {name}", hint=hint
                )
        if time.monotonic() > end_s:
            raise GateError(f"the line was not ready within {READY_S:g} s{f': {said}' if said else ''}", hint=hint)

    def run(self) -> Played:
        """Let the parts pass, and those besides that come while the line gets over a fault; then end the line."""
        self._began_ns, self._agenda.now_ns = time.monotonic_ns(), 0
        while not self._through():
            self._turn()
            self._let_in()
        end_ns = time.monotonic_ns() + int(LAST_S * 1e9)
        while time.monotonic_ns() < end_ns and not self._line.ended:
            self._turn()
        played = self.played
        if self._line.ended:
            played.ended_early = self._line.last_words or "it ended by itself: a replay is through"
        played.stopped_well = self._line.stop()
        played.killed_ns = tuple(self._line.killed_ns)
        played.seconds = (time.monotonic_ns() - self._began_ns) / 1e9
        return played

    def _turn(self) -> None:
        """One scan of every controller."""
        begun_s = time.monotonic()
        self._agenda.run_until(time.monotonic_ns() - self._began_ns)
        for controller in self._controllers:
            fate = controller.scan()
            if fate is not None:
                self._ended(fate)
        time.sleep(max(0.0, begun_s + self.plan.io.times.poll_ms / 1e3 - time.monotonic()))

    def _through(self) -> bool:
        """All parts have their fate and no fault is under way; or there is no line any more."""
        enough = not any(self._left.values()) and self._doing is None
        return (enough or self._line.ended) and all(controller.free for controller in self._controllers)

    def _let_in(self) -> None:
        now_ns = time.monotonic_ns()
        if self._doing is not None and now_ns - self._doing.over_ns > BACK_S * 1e9:
            self.played.faults[self._doing.name].not_back += 1
            self._doing = None
        for controller in self._controllers:
            wanted = self._left[controller.station] > 0 or self._doing is not None
            if wanted and controller.free and now_ns >= self._due_ns[controller.station] and not self._line.ended:
                self._offer(controller, now_ns)

    def _offer(self, controller: Controller, now_ns: int) -> None:
        self.played.offered[controller.station] += 1
        part = SimPart(self.played.offered[controller.station], bad=False)  # which are bad, the records and `truth` say
        controller.offer(part)
        pitch_ms = max(self.plan.pitch_ms / 2, self._rng.gauss(self.plan.pitch_ms, self.plan.scenario.timing.jitter))
        self._due_ns[controller.station] = now_ns + int(pitch_ms * 1e6)
        if self._doing is None:
            self._left[controller.station] -= 1
            self._quiet_parts += 1
            if self.plan.faults and self._quiet_parts > self._parts_between:
                self._do_next(controller, now_ns)
        if self._doing is not None and controller.station in self._doing.waiting:
            part.fault = self._doing.name

    @property
    def _parts_between(self) -> int:
        """Quiet ones, so that the scenario's share of the parts begins a fault."""
        return max(1, round(1 / self.plan.scenario.fault_share) - 1) if self.plan.scenario.fault_share else 1 << 31

    def _do_next(self, controller: Controller, now_ns: int) -> None:
        """The faults in turn, in another order each time, while this part is under way."""
        if not self._order:
            self._order = self._rng.sample(self.plan.faults, len(self.plan.faults))
        name = self._order.pop()
        fault, tally = LIVE_FAULTS[name], self.played.faults[name]
        used_up = fault.costs_engine and self._engines_used >= self.plan.engine_restarts
        lasts_ms = None if used_up else fault.do(self._hands, controller)
        if lasts_ms is None:
            tally.not_done += 1
            return
        tally.done += 1
        self._quiet_parts = 0
        self._engines_used = 0 if name == "station_restarted" else self._engines_used + fault.costs_engine
        hit = self._controllers if fault.whole_line else [controller]
        over_ns = time.monotonic_ns() + int(lasts_ms * 1e6)  # this part was let in before: it is not one of those after
        self._doing = _Doing(name, now_ns, over_ns, {one.station for one in hit})
        for one in hit:
            if one.plc.waiting is not None:
                one.plc.waiting.part.fault = name

    def _ended(self, fate: Fate) -> None:
        """A part has its fate; one that came after the fault and was inspected says that the station is back."""
        doing = self._doing
        if (
            doing is not None
            and fate.fault
            and fate.read is not None
            and fate.read.inspected
            and fate.offered_ns > doing.over_ns
        ):
            fate = replace(fate, fault=None)
            doing.waiting.discard(fate.station)
            if not doing.waiting:
                tally = self.played.faults[doing.name]
                tally.back_ms = max(tally.back_ms, (fate.at_ns - doing.begun_ns) / 1e6)
                self._doing = None
        self.played.fates.append(fate)
        self._progress(len(self.played.fates), "" if self._doing is None else self._doing.name)
