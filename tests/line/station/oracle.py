"""What must be true of a station, checked from the events alone: it shares no code with the machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from lineproof.core.codes import Cause
from lineproof.core.station import Acknowledged, Alive, Challenging, Halted, Outcome, Triggered
from lineproof.core.verdict import Decision
from lineproof.line.station.events import Answered, Exposed, FaultSeen, Inspected, Verified
from lineproof.line.station.machine import step
from lineproof.line.station.station import Station, view_of


@dataclass
class Trigger:
    """A trigger that is new, with what happened to it."""

    at_ns: int
    due_ns: int
    ids: tuple[str, str]
    answers: list[Outcome] = field(default_factory=list)


class Watched:
    """A station with an oracle beside it; `violations` stays empty."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.now_ns = 1_000_000_000
        self.violations: list[str] = []
        self.log: list[tuple[int, object]] = []
        self.triggers: dict[tuple[int, int], Trigger] = {}
        self.ids = ("", "")
        self.acknowledged: set[tuple[int, int]] = set()
        self.to_show: set[str] = set()  # known parts that must be judged right before any other part may pass

    def feed(self, event: object, after_ms: float = 0.0) -> list[object]:
        """Let time pass, tell the station, check everything."""
        self.now_ns += int(after_ms * 1e6)
        ready = view_of(self.station, self.now_ns).ready
        before = self.station
        after = step(before, event, self.now_ns)
        self.station = after.station
        self.log.append((self.now_ns, event))
        if isinstance(event, Verified):
            self.ids = (event.model_id, event.ruleset_id)
        fresh = isinstance(event, Triggered) and self._note(event)
        for effect in after.effects:
            if isinstance(effect, Answered):
                self._check_answer(effect)
        if isinstance(event, Triggered) and fresh and ready and self._answers(event.seq)[:1] == [Outcome.MISSED]:
            self._complain(f"ready was shown, trigger {event.seq} was missed")
        shown = view_of(before, self.now_ns).result
        if isinstance(event, Acknowledged) and shown is not None and shown.seq == event.seq:
            self.acknowledged.add((shown.session, event.seq))
        self._check_view()
        return list(after.effects)

    def end(self) -> None:
        """After the last deadline every trigger has its one answer."""
        from lineproof.line.station.events import Tick

        self.feed(Tick(), after_ms=10_000)
        for (session, seq), trigger in self.triggers.items():
            if len(trigger.answers) != 1:
                self._complain(f"trigger {seq} of session {session} has {len(trigger.answers)} answers")

    def _note(self, event: Triggered) -> bool:
        """A trigger that is new: its number is ahead of all before it in this session."""
        session = self.station.session
        earlier = [seq for (own, seq) in self.triggers if own == session]
        if event.seq == 0 or (earlier and not 0 < (event.seq - earlier[-1]) % (1 << 32) < 1 << 31):
            return False
        terms = self.station.terms
        due_ms = min(event.deadline_ms or terms.deadline_ms, terms.deadline_ms)
        self.triggers[session, event.seq] = Trigger(self.now_ns, self.now_ns + int(due_ms * 1e6), self.ids)
        return True

    def _answers(self, seq: int) -> list[Outcome]:
        trigger = self.triggers.get((self.station.session, seq))
        return [] if trigger is None else trigger.answers

    def _check_answer(self, effect: Answered) -> None:
        result = effect.result
        trigger = self.triggers.get((result.session, result.seq))
        if trigger is None:
            self._complain(f"an answer to {result.seq}, which was not asked")
            return
        trigger.answers.append(result.outcome)
        if len(trigger.answers) > 1:
            self._complain(f"{result.seq} is answered twice: {trigger.answers}")
        if result.outcome is Outcome.PASS:
            why = self._illegal(result.seq, trigger) or self._unchecked(result.part_id, result.seq)
            if why:
                self._complain(f"PASS for {result.seq}: {why}")
        elif result.outcome is not Outcome.PASS and not result.reasons:
            self._complain(f"{result.outcome} for {result.seq} without a reason")
        self._note_known(result.part_id, result.outcome, result.reason_code)

    def _note_known(self, part_id: str, outcome: Outcome, cause: int) -> None:
        known = self.station.terms.known_parts.expected
        if part_id in known and cause == Cause.CHALLENGE:
            self.to_show = set(known)
        elif outcome not in (Outcome.ERROR, Outcome.MISSED):
            self.to_show.discard(part_id)

    def _unchecked(self, part_id: str, seq: int) -> str:
        """Why the check with known parts forbids this PASS."""
        known = self.station.terms.known_parts.expected
        if part_id in known:
            return "" if known[part_id] is Outcome.PASS else "it is known to be bad"
        if self.to_show:
            return f"{', '.join(self.to_show)} must be judged right before it"
        events = [event for _, event in self.log]
        came = max(i for i, event in enumerate(events) if isinstance(event, Triggered) and event.seq == seq)
        modes = [event.on for event in events[:came] if isinstance(event, Challenging)]
        return "in challenge mode, and it is no known part" if modes[-1:] == [True] else ""

    def _illegal(self, seq: int, trigger: Trigger) -> str:
        """Why this PASS must not be; empty when it may."""
        now, terms = self.now_ns, self.station.terms
        if now > trigger.due_ns:
            return "late"
        since = [(at, event) for at, event in self.log if at >= trigger.at_ns]
        start = next(i for i, (_, e) in enumerate(since) if isinstance(e, Triggered) and e.seq == seq)
        since = since[start:]
        if any(isinstance(e, FaultSeen) for _, e in since):
            return "a fault came in between"
        if any(isinstance(e, Halted) and e.on for _, e in since):
            return "it was halted in between"
        if any((e.model_id, e.ruleset_id) != trigger.ids for _, e in since if isinstance(e, Verified)):
            return "the bundle was changed in between"
        triggers = list(self.triggers.values())
        before = [other.at_ns for other in triggers[: triggers.index(trigger)]]
        if terms.trigger_lead_ms and before and trigger.at_ns - max(before) < terms.trigger_lead_ms * 1e6:
            return "its picture could be that of the part before"
        if terms.simulation and not terms.pass_in_simulation:
            return "simulated"
        for view in terms.views:
            why = self._illegal_view(seq, trigger, view, [event for _, event in since])
            if why:
                return why
        return self._silence(trigger.at_ns)

    def _illegal_view(self, seq: int, trigger: Trigger, view: str, since: list[object]) -> str:
        earliest = trigger.at_ns - int(self.station.terms.trigger_lead_ms * 1e6)
        frames = [e for e in since if isinstance(e, Exposed) and (e.seq, e.view) == (seq, view)]
        if not frames or not frames[0].intact or not earliest < frames[0].exposed_ns <= self.now_ns:
            return f"no intact frame of {view} exposed after the trigger"
        verdicts = [e for e in since if isinstance(e, Inspected) and (e.seq, e.view) == (seq, view)]
        right = [e for e in verdicts if (e.model_id, e.ruleset_id) == trigger.ids == self.ids]
        if not right or verdicts[0] is not right[0] or right[0].exposed_ns != frames[0].exposed_ns:
            return f"no completed inference of {view} on that frame with the active bundle"
        decision = right[0].finding.decision
        if decision is Decision.FAULT or (self.station.terms.fusion == "any" and decision is not Decision.PASS):
            return f"{view} gave {decision}"
        return ""

    def _silence(self, since_ns: int) -> str:
        """Whether the controller was silent for too long at any moment since."""
        if self.station.terms.controller_timeout_ms == 0:
            return ""
        timeout_ns = self.station.terms.controller_timeout_ms * 1e6
        heard = [at for at, event in self.log if isinstance(event, Alive)]
        moments = [at for at in heard if at <= since_ns][-1:] + [at for at in heard if at > since_ns] + [self.now_ns]
        if len(moments) < 2 and not heard:
            return "no controller was ever heard"
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        return "the controller was silent" if any(gap > timeout_ns for gap in gaps) else ""

    def _check_view(self) -> None:
        view = view_of(self.station, self.now_ns)
        result = view.result
        if result is not None:
            key = (result.session, result.seq)
            trigger = self.triggers.get(key)
            if trigger is None or trigger.answers[:1] != [result.outcome]:
                self._complain(f"{result.outcome} for {result.seq} is shown and was not the answer")
            if key in self.acknowledged:
                self._complain(f"{result.seq} is shown after it was acknowledged")
            if result.session != view.session:
                self._complain("a result of an earlier session is shown")
        if view.ready and view.fault_code:
            self._complain("ready with a fault")

    def _complain(self, text: str) -> None:
        self.violations.append(f"{self.now_ns / 1e6:.1f} ms: {text}")
