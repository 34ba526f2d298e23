"""Any order of triggers, stalls, slow and hung engines, failing signals and records: never a wrong PASS, never silence.

The real loop and the real handoff on a clock that only the test moves; the inference thread is replaced by a model of
one, so that a second of trouble costs no time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import image
from line_rig import BAD, CLASSES, GOOD, UNSURE, inspector_of
from lineproof.core import Decision, Frame, Inspection, StageTimes
from lineproof.errors import EngineError, SignalError
from lineproof.line.handoff import Missed
from lineproof.line.loop import Line
from lineproof.line.notify import Notifier
from lineproof.line.settings import LineSettings
from lineproof.sources.scripted import ScriptedSource

MS = 1_000_000
DEADLINE_MS, RESERVE_MS, HUNG_MS, HEARTBEAT_MS, HOLD_MS, CAPACITY = 100, 5, 300, 20, 150, 3
NEVER = 10**18
ANSWERS = {"PASS": GOOD, "FAIL": BAD, "REVIEW": UNSURE, "FAULT": EngineError("boom")}


@dataclass
class Plan:
    """What will happen to one part: what the engine would say, and how long it takes."""

    says: str
    takes_ns: int
    grabbed_ns: int
    done_ns: int = NEVER  # when the engine was really through

    @property
    def cutoff_ns(self) -> int:
        return self.grabbed_ns + (DEADLINE_MS - RESERVE_MS) * MS


class World:
    """The clock, one engine that works on one frame at a time, and everything that was said to the outside."""

    def __init__(self) -> None:
        self.now_ns = 10**12
        self.plans: dict[str, Plan] = {}
        self.free_ns = 0  # when the engine has time again
        self.current: Plan | None = None
        self.oversleep_ns = 0  # a busy machine wakes the loop late
        self.wrongs: list[str] = []  # collected, because the loop survives whatever is raised at it

    def check(self, right: bool, wrong: str) -> None:
        if not right:
            self.wrongs.append(wrong)

    def detect(self, _image):
        answer = ANSWERS[self.current.says]
        if isinstance(answer, Exception):
            raise answer
        return answer, StageTimes()


class ModelTicket:
    def __init__(self, bench: ModelBench, frame: Frame, cutoff_ns: int) -> None:
        self.bench, self.frame, self.plan = bench, frame, bench.world.plans[frame.part_id]
        self.starts_ns = max(bench.world.now_ns, bench.world.free_ns)
        self.ends_ns = self.starts_ns + self.plan.takes_ns
        self.given_up = self._never_begun = self.starts_ns >= cutoff_ns
        if not self._never_begun:
            bench.world.free_ns = self.ends_ns
        self._inspection: Inspection | None = None

    @property
    def started_ns(self) -> int | None:
        return self.starts_ns if self.starts_ns <= self.bench.world.now_ns and not self._never_begun else None

    @property
    def inspection(self) -> Inspection | None:
        world = self.bench.world
        if self._inspection is None and not self.given_up and self.ends_ns <= world.now_ns:
            world.check(self.starts_ns < self.plan.cutoff_ns, "time wasted on a part that was too late")
            world.current, self.plan.done_ns = self.plan, self.ends_ns
            self._inspection = self.bench.inspect(self.frame)
        return self._inspection

    def wait(self, timeout_s: float) -> Inspection | None:
        world = self.bench.world
        until_ns = world.now_ns + int(timeout_s * 1e9) + 1  # a real wait never comes back early
        ends_ns = NEVER if self.given_up else max(world.now_ns, self.ends_ns)
        world.now_ns = min(until_ns, ends_ns) + world.oversleep_ns
        return self.inspection

    def cancel(self) -> None:
        if self.starts_ns > self.bench.world.now_ns:
            self.given_up = self._never_begun = True
            self.bench.world.free_ns = self.starts_ns

    def abandon(self) -> None:
        self.given_up = True


class ModelBench:
    """As `Bench`: a running ticket older than HUNG_MS is abandoned; after `restarts` of these the engine is given up."""

    def __init__(self, world: World, restarts: int) -> None:
        self.world, self.left, self.restarts = world, restarts, 0
        self.tickets: list[ModelTicket] = []
        self.trouble = ""
        self.inspect = None

    def submit(self, frame: Frame, cutoff_ns: int) -> ModelTicket | None:
        if self.trouble:
            return None
        self.tickets.append(ModelTicket(self, frame, cutoff_ns))
        return self.tickets[-1]

    def supervise(self) -> None:
        running = [t for t in self.tickets if t.started_ns is not None and not t.given_up and t.inspection is None]
        for ticket in running:
            if self.world.now_ns - ticket.started_ns > HUNG_MS * MS:
                ticket.abandon()
                self.world.free_ns = self.world.now_ns
                self.left -= 1
                self.restarts += self.left >= 0
                self.trouble = "given up" if self.left < 0 else ""

    def close(self) -> None:
        pass


class Outside:
    """Signal and recorder in one: it knows the truth and objects at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.broken = self.records_broken = False
        self.takes_ns = 0
        self.asked: list[str] = []
        self.taken: dict[str, Inspection] = {}
        self.recorded: list[Inspection] = []
        self.failed_ns = -NEVER
        self.tickets: list[ModelTicket] = []

    def send(self, inspection: Inspection) -> None:
        world, name = self.world, inspection.part_id
        world.check(name not in self.asked, f"two answers for {name}")
        self.asked.append(name)
        if inspection.decision is not Decision.FAULT:
            plan = world.plans[name]
            world.check(plan.done_ns <= plan.cutoff_ns, f"{name}: the verdict came too late")
            world.check(world.now_ns < plan.cutoff_ns, f"{name}: sent too late")
            world.check(inspection.decision == plan.says, f"{name}: {inspection.decision}, the engine says {plan.says}")
        world.now_ns += self.takes_ns
        if self.broken:
            self.failed_ns = world.now_ns
            raise SignalError("not taken")
        self.taken[name] = inspection

    def heartbeat(self) -> None:
        held = self.world.now_ns - self.failed_ns < HOLD_MS * MS
        self.world.check(not held, "a heartbeat after a failed send")
        self.world.check(not self.stuck(), "a heartbeat while the engine is stuck")

    def stuck(self) -> bool:
        """An inference runs whose part was answered without it."""
        return any(
            ticket.started_ns is not None and not ticket.given_up and ticket.ends_ns > self.world.now_ns
            for ticket in self.tickets
            if ticket.frame.part_id in self.asked
        )

    def put(self, inspection: Inspection, _image) -> None:
        self.world.check(inspection.part_id in self.asked, "recorded before it was signalled")
        if self.records_broken:
            raise OSError("disk full")
        self.recorded.append(inspection)

    def close(self) -> None:
        pass


class LineMachine(RuleBasedStateMachine):
    @initialize(trigger=st.sampled_from(["each_frame", "free_running"]), restarts=st.integers(0, 2))
    def start(self, trigger: str, restarts: int) -> None:
        self.world = World()
        self.outside = Outside(self.world)
        self.bench = ModelBench(self.world, restarts)
        self.outside.tickets = self.bench.tickets
        facts = {"deadline_ms": DEADLINE_MS, "reserve_ms": RESERVE_MS, "heartbeat_ms": HEARTBEAT_MS}
        engine = self.world
        engine.classes, engine.provider, engine.input_wh = CLASSES, "model", (64, 64)
        self.line = Line(
            inspector_of(engine),
            ScriptedSource([]),
            self.outside,
            [self.outside],
            LineSettings(trigger=trigger, queue=CAPACITY, signal_hold_ms=HOLD_MS, **facts),
            bench=self.bench,
            notifier=Notifier("", 0),
            clock_ns=lambda: self.world.now_ns,
        )
        self.bench.inspect = self.line._inspect
        self.triggered = trigger == "each_frame"
        self.names = (f"p{number}" for number in itertools.count(1))
        self.expected: list[str] = []  # parts in the order of their triggers
        self.lost_records = False
        self.ever_broken = False

    @rule(
        says=st.sampled_from(["PASS", "PASS", "FAIL", "REVIEW", "FAULT"]),
        takes_ms=st.sampled_from([1, 20, 60, 94, 95, 96, 100, 150, 299, 1000, None]),
    )
    def part_arrives(self, says: str, takes_ms: int | None) -> None:
        name = next(self.names)
        takes_ns = NEVER if takes_ms is None else takes_ms * MS
        self.world.plans[name] = Plan(says, takes_ns, self.world.now_ns)
        self.expected.append(name)
        self.line.handoff.put(Frame(image(4, 4), name, "cam", grabbed_ns=self.world.now_ns))

    @rule(
        says=st.sampled_from(["PASS", "PASS", "PASS", "FAIL", "REVIEW", "FAULT"]),
        takes_ms=st.sampled_from([1, 1, 20, 60, 94, 95, 96, 299]),
    )
    def a_part_arrives_and_the_loop_is_there(self, says: str, takes_ms: int) -> None:
        self.part_arrives(says, takes_ms)
        self.line.turn(0)

    @rule(parts=st.lists(st.sampled_from([1, 5, 20, 40]), min_size=2, max_size=6))
    def several_good_parts_arrive_at_once(self, parts: list[int]) -> None:
        for takes_ms in parts:
            self.part_arrives("PASS", takes_ms)
        for _ in parts:
            self.line.turn(0)

    @rule()
    def a_damaged_frame_arrives(self) -> None:
        name = next(self.names)
        self.expected.append(name)
        self.line.handoff.put(Missed(name, "cam", "frame", "damaged", grabbed_ns=self.world.now_ns))

    @rule(ms=st.sampled_from([1, 10, 50, 99, 100, 500]))
    def time_passes(self, ms: int) -> None:
        self.world.now_ns += ms * MS

    @rule()
    def turn(self) -> None:
        self.line.turn(0)

    @rule(broken=st.booleans(), takes_ms=st.sampled_from([0, 1, 50, 200]))
    def the_signal_changes(self, broken: bool, takes_ms: int) -> None:
        self.outside.broken, self.outside.takes_ns = broken, takes_ms * MS

    @rule(broken=st.booleans())
    def the_disk_changes(self, broken: bool) -> None:
        self.outside.records_broken = broken
        self.ever_broken |= broken

    @rule(ms=st.sampled_from([0, 0, 3, 30]))
    def the_machine_changes(self, ms: int) -> None:
        self.world.oversleep_ns = ms * MS

    @precondition(lambda self: hasattr(self, "line"))
    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.world.wrongs == []

    @precondition(lambda self: hasattr(self, "line"))
    @invariant()
    def nothing_waits_without_bound(self) -> None:
        waiting = [item for item in self.line.handoff._waiting if isinstance(item, Frame)]
        assert len(waiting) <= (CAPACITY if self.triggered else 1)

    @precondition(lambda self: hasattr(self, "line"))
    @invariant()
    def answers_come_in_the_order_of_the_parts(self) -> None:
        places = [self.expected.index(name) for name in self.outside.asked]
        assert places == sorted(places)

    def teardown(self) -> None:
        if not hasattr(self, "line"):
            return
        while len(self.line.handoff):
            self.line.turn(0)
        self.outside.records_broken = False
        self.line.run()
        assert self.world.wrongs == []
        asked = self.outside.asked
        if self.triggered:
            assert asked == self.expected
            assert self.line.handoff.drops == 0
        else:
            assert len(asked) + self.line.handoff.drops == len(self.expected)
        self.check_records()

    def check_records(self) -> None:
        recorded = {item.part_id: item for item in self.outside.recorded}
        assert len(recorded) == len(self.outside.recorded), "two records for one part"
        if not self.ever_broken:
            assert set(recorded) == set(self.outside.asked)
        for name, record in recorded.items():
            taken = self.outside.taken.get(name)
            if taken is None:
                assert record.decision is Decision.FAULT
            else:
                assert (record.decision, record.inspection_id) == (taken.decision, taken.inspection_id)
        stats = self.line.stats.snapshot()
        assert stats.parts == len(self.outside.asked)
        assert stats.record_failures + len(recorded) == stats.parts
        assert stats.decisions["PASS"] == sum(i.decision is Decision.PASS for i in self.outside.taken.values())


TestLineMachine = LineMachine.TestCase
TestLineMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
