"""The loop: take, inspect, answer before the deadline, signal first, then everything else.

    feeder thread      source.grab → handoff
    inference thread   inspector.inspect
    this loop          one answer per part, on time; signal → heartbeat → records

No step that fails ends it: see `attempt`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lineproof.core import Decision, Frame, Inspection, Provenance, Reason, Verdict
from lineproof.core.budget import RestartBudget
from lineproof.core.verdict import fault
from lineproof.errors import SourceError, SourceLost
from lineproof.inspector import Inspector
from lineproof.line.attempt import Done, Failure, attempt
from lineproof.line.deadline import Deadline
from lineproof.line.feeder import OVERDUE_S, Feeder
from lineproof.line.handoff import Handoff, Item, Missed
from lineproof.line.notify import Notifier
from lineproof.line.settings import LineSettings
from lineproof.line.stats import LineStats
from lineproof.line.switching import prompt_threads
from lineproof.line.worker import Bench, Ticket
from lineproof.ports import Recorder, Signal, Source

TURN_S = 0.05  # how long one turn waits for a part when none comes


@dataclass(frozen=True, slots=True)
class Late:
    """A part that was answered FAULT while its inspection was still under way."""

    ticket: Ticket
    signalled: Inspection


class Line:
    """One running line; `run` blocks until the source ends, a limit is reached, or `stop` is called."""

    def __init__(
        self,
        inspector: Inspector,
        source: Source,
        signal: Signal,
        recorders: Sequence[Recorder],
        settings: LineSettings,
        *,
        source_id: str = "camera",
        view: str = "main",
        on_demand: bool = False,
        bench: Bench | None = None,
        notifier: Notifier | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take finished parts; the line closes source, signal and recorders at its end."""
        self.settings = settings
        self.handoff = Handoff(settings.policy, settings.queue)
        self.stats = LineStats(clock_ns)
        self._inspector = inspector
        self._source = source
        self._signal = signal
        self._recorders = recorders
        self._clock_ns = clock_ns
        self._notifier = notifier or Notifier()
        budget = RestartBudget(settings.restarts, settings.restart_window_s, clock_ns)
        self._bench = bench or Bench(self._inspect, hung_ms=settings.hung_after_ms, budget=budget)
        self.feeder = Feeder(self._grab, self.handoff, source_id=source_id, view=view, on_demand=on_demand)
        self._late: list[Late] = []
        self._hold_until_ns = 0
        self._beat_ns = 0
        self._stopping = False

    def run(self, *, max_parts: int | None = None, duration_s: float | None = None) -> LineStats:
        """Decide until the end; then answer what waits, close everything and return the figures."""
        until_ns = None if duration_s is None else self._clock_ns() + int(duration_s * 1e9)
        if self.handoff.policy == "queue":  # nothing may be dropped: stop grabbing, not answering
            self.feeder.max_parts = max_parts
        self.feeder.start()
        self._notifier.ready()
        try:
            with prompt_threads():
                while not self._through(max_parts, until_ns):
                    self.turn(TURN_S)
        finally:
            self._shut_down()
        return self.stats

    def stop(self) -> None:
        """Ask for the end; safe from a signal handler or another thread."""
        self._stopping = True

    def turn(self, timeout_s: float) -> None:
        """One part at most, then what has to happen in any case."""
        item = self.handoff.take(timeout_s)
        if item is not None:
            self._answer(item)
        self._bench.supervise()
        self._settle_late()
        self._heartbeat()

    @property
    def provenance(self) -> Provenance:
        """What decides."""
        return self._inspector.provenance

    @property
    def restarts(self) -> int:
        """Inference threads that were replaced."""
        return self._bench.restarts

    @property
    def troubles(self) -> dict[str, str]:
        """What keeps the heartbeat still, by room; empty while all is well."""
        held = self._clock_ns() < self._hold_until_ns
        late = next((item for item in self._late if item.ticket.started_ns is not None), None)
        found = {
            "source": self.feeder.trouble,
            "engine": self._bench.trouble or (f"late with part {late.signalled.part_id}" if late else ""),
            "signal": "did not take an answer" if held else "",
        }
        return {room: why for room, why in found.items() if why}

    def _through(self, max_parts: int | None, until_ns: int | None) -> bool:
        return (
            self._stopping
            or self.handoff.finished
            or (max_parts is not None and self.stats.parts >= max_parts)
            or (until_ns is not None and self._clock_ns() >= until_ns)
        )

    def _answer(self, item: Item) -> None:
        """Exactly one answer: inspect in time or FAULT, signal first, then count and record."""
        if isinstance(item, Missed):
            self._finish(self._missed(item), None, item.grabbed_ns)
            return
        deadline = self._deadline(item.grabbed_ns)
        ticket = self._bench.submit(item, deadline.cutoff_ns)
        if ticket is None:
            self._finish(self._inspector.faulted(item, fault("engine", self._bench.trouble)), item, item.grabbed_ns)
            return
        inspection = self._wait(ticket, deadline)
        # The clock is asked once more, with the verdict in hand: only then is it known to be in time.
        if inspection is not None and not deadline.passed(self._clock_ns()):
            self._finish(inspection, item, item.grabbed_ns)
        else:
            self._too_late(ticket)

    def _deadline(self, grabbed_ns: int) -> Deadline:
        return Deadline.after(grabbed_ns, self.settings.deadline_ms, self.settings.reserve_ms)

    def _wait(self, ticket: Ticket, deadline: Deadline) -> Inspection | None:
        """The inspection if it comes before the cutoff; the heart beats while we wait."""
        slice_s = self.settings.heartbeat_ms / 1000
        while True:
            left_s = deadline.left_s(self._clock_ns())
            inspection = ticket.wait(min(left_s, slice_s))
            if inspection is not None or left_s == 0:
                return inspection
            self._heartbeat()

    def _finish(self, inspection: Inspection, frame: Frame | None, grabbed_ns: int) -> None:
        sent = self._send(inspection, grabbed_ns)
        self._heartbeat()
        self._record(sent, frame)

    def _too_late(self, ticket: Ticket) -> None:
        """FAULT now; the record waits for the verdict under way, if there is one, or for the end of the wait."""
        ticket.cancel()
        self.stats.late += 1
        frame, begun = ticket.frame, ticket.started_ns is not None
        why = "no verdict in time" if begun else "the engine was busy with earlier parts"
        verdict = fault("deadline", f"{why}: {self.settings.deadline_ms:g} ms after the grab")
        signalled = self._send(self._inspector.faulted(frame, verdict), frame.grabbed_ns)
        self._late.append(Late(ticket, signalled))
        self._settle_late()

    def _send(self, inspection: Inspection, grabbed_ns: int) -> Inspection:
        """The inspection as the outside world knows it: what it did not take is no PASS in the records either."""
        before_ns = self._clock_ns()
        outcome = attempt(lambda: self._signal.send(inspection))
        after_ns = self._clock_ns()
        if isinstance(outcome, Failure):
            self.stats.signal_failures += 1
            self._hold_until_ns = after_ns + int(self.settings.signal_hold_ms * 1e6)
            reason = Reason("signal", f"{inspection.decision} was not taken: {outcome}")
            inspection = inspection.with_verdict(Verdict(Decision.FAULT, (reason, *inspection.verdict.reasons)))
        elif after_ns > self._deadline(grabbed_ns).due_ns:
            self.stats.late_sends += 1
        self.stats.answered(
            inspection, age_ms=max(0, before_ns - grabbed_ns) / 1e6, signal_ms=(after_ns - before_ns) / 1e6
        )
        return inspection

    def _record(self, inspection: Inspection, frame: Frame | None) -> None:
        """Each on its own: one that fails is counted and disturbs nobody."""
        image = None if frame is None else frame.image
        for recorder in self._recorders:
            outcome = attempt(partial(recorder.put, inspection, image))
            self.stats.record_failures += isinstance(outcome, Failure)

    def _settle_late(self) -> None:
        """Record the late parts of which nothing more is to be expected."""
        waiting = []
        for late in self._late:
            if late.ticket.inspection is None and not late.ticket.given_up:
                waiting.append(late)
            else:
                self._settle(late)
        self._late = waiting

    def _settle(self, late: Late) -> None:
        """The evidence that came too late, under the FAULT that was signalled."""
        signalled, came = late.signalled, late.ticket.inspection
        if came is not None:
            self.stats.late_verdicts += 1
            note = Reason("deadline", f"the verdict came {came.times_ms.total:.0f} ms after the grab: {came.decision}")
            verdict = Verdict(Decision.FAULT, (*signalled.verdict.reasons, note))
            signalled = replace(came, verdict=verdict, inspection_id=signalled.inspection_id)
        self._record(signalled, late.ticket.frame)

    def _heartbeat(self) -> None:
        """For the PLC while all is well; for systemd while the loop turns at all."""
        self._notifier.alive()
        now_ns = self._clock_ns()
        if now_ns - self._beat_ns < self.settings.heartbeat_ms * 1e6 or self.troubles:
            return
        self._beat_ns = now_ns
        if isinstance(attempt(self._signal.heartbeat), Failure):
            self.stats.signal_failures += 1

    def _shut_down(self) -> None:
        """No more grabs, an answer for whoever waits, everything written, outputs at rest."""
        self._notifier.stopping()
        self.feeder.ask_to_stop()
        if self.handoff.policy == "newest":
            self.handoff.abandon()
        self._drain()
        self._await_late()
        self.stats.end()
        self._bench.close()
        for recorder in self._recorders:
            self.stats.record_failures += isinstance(attempt(recorder.close), Failure)
        attempt(self._signal.close)
        attempt(self._source.close)

    def _drain(self) -> None:
        """Answer what waits, and what the grab under way may still bring; one that hangs is left behind."""
        until_ns = self._clock_ns() + int(OVERDUE_S * 1e9)
        while not self.handoff.finished:
            self.turn(TURN_S)
            if self._clock_ns() >= until_ns:
                self.handoff.close()

    def _await_late(self) -> None:
        """Give a verdict under way the time that a hung one has, then record without it."""
        self._settle_late()
        for late in self._late:
            late.ticket.wait(self.settings.hung_after_ms / 1000)
            late.ticket.abandon()
        self._settle_late()

    def _inspect(self, frame: Frame) -> Inspection:
        """For the inference thread: an inspection in any case."""
        outcome = attempt(lambda: self._inspector.inspect(frame))
        if isinstance(outcome, Failure):
            return self._inspector.faulted(frame, fault("engine", str(outcome)))
        return outcome.value

    def _grab(self, timeout_s: float) -> Frame:
        """For the feeder thread: a source that fails in a way nobody foresaw is lost."""
        outcome = attempt(lambda: self._source.grab(timeout_s))
        if isinstance(outcome, Done):
            return outcome.value
        if isinstance(outcome.error, SourceError):
            raise outcome.error
        raise SourceLost(f"the source failed: {outcome}")

    def _missed(self, item: Missed) -> Inspection:
        inspection = self._inspector.missed(item.part_id, item.source_id, fault(item.rule, item.text), view=item.view)
        return replace(inspection, origin=item.origin, grabbed_at=item.grabbed_at)
