"""What the output lines show of a station, and when: pure, without chip and clock.

    REST → GAP (result lines released) → SETUP (result lines stable) → STROBE → HELD

Whatever withdraws a result leads to REST at once, and a result that was withdrawn is never shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from lineproof.core.station import Outcome, PartResult, State, StationView
from lineproof.signals.gpio.settings import GpioSettings, Output

AT_REST: Mapping[Output, bool] = dict.fromkeys(Output, False)


class Phase(Enum):
    """How far the result under way has come."""

    REST = auto()
    GAP = auto()
    SETUP = auto()
    STROBE = auto()
    HELD = auto()


_NEXT = {Phase.GAP: Phase.SETUP, Phase.SETUP: Phase.STROBE, Phase.STROBE: Phase.HELD}
_RESULT_OF = {Outcome.PASS: Output.PASS, Outcome.FAIL: Output.FAIL, Outcome.REVIEW: Output.REVIEW}


class OutputPlan:
    """Told of views and of time, says which level each function has now.

    Whoever drives the lines calls `advance`, puts `levels()`, then calls `driven` with the `step` that they were of and
    the time after that: no phase is shorter than agreed because the chip was slow or the thread came late.
    """

    def __init__(self, settings: GpioSettings) -> None:
        self._with_review = Output.REVIEW in settings.outputs
        self._lasts_ns = {
            Phase.GAP: int(settings.setup_ms * 1e6),
            Phase.SETUP: int(settings.setup_ms * 1e6),
            Phase.STROBE: int(settings.strobe_ms * 1e6),
        }
        self._view: StationView | None = None
        self._result: PartResult | None = None  # the last one taken up, also when it was withdrawn
        self._heartbeat = False
        self._until_ns: int | None = None  # None: the phase is not on the lines yet
        self.phase = Phase.REST
        self.step = 0  # counts the phases entered
        self.strobed_ns: int | None = None  # when the strobe of the result under way was told to rise

    def show(self, view: StationView) -> None:
        """Take up what the station shows now."""
        last, self._view = self._view, view
        if last is not None and last.heartbeat != view.heartbeat:
            self._heartbeat = not self._heartbeat
        result = _valid(view)
        if result is None:
            self._enter(Phase.REST)
        elif self._result is None or (result.session, result.seq) != (self._result.session, self._result.seq):
            self._result = result
            self._enter(Phase.GAP)

    def silence(self) -> None:
        """Nobody has shown anything for too long: everything at rest until the next view."""
        self._view = None
        self._enter(Phase.REST)

    def advance(self, now_ns: int) -> None:
        """Enter the next phase when this one has lasted long enough."""
        if self._until_ns is not None and now_ns >= self._until_ns:
            self._enter(_NEXT[self.phase])
            if self.phase is Phase.STROBE:
                self.strobed_ns = now_ns  # not later: an acknowledgement may be on its way while the line rises

    def driven(self, step: int, now_ns: int) -> None:
        """The levels of this step are on the lines since now; of an older one, nothing follows."""
        if step == self.step and self._until_ns is None and self.phase in self._lasts_ns:
            self._until_ns = now_ns + self._lasts_ns[self.phase]

    @property
    def due_ns(self) -> int | None:
        """When `advance` is next needed; None: not before another view."""
        return self._until_ns

    @property
    def strobed_seq(self) -> int:
        """Of the result on the lines, once its strobe has risen; 0: there is none that anybody could have read."""
        return self._result.seq if self._result is not None and self.phase in (Phase.STROBE, Phase.HELD) else 0

    def levels(self) -> Mapping[Output, bool]:
        """True is energised."""
        view = self._view
        if view is None:
            return AT_REST
        return {
            **AT_REST,
            Output.READY: view.ready,
            Output.BUSY: view.acquiring or view.inspecting,
            Output.HEALTHY: view.fault_code == 0 and view.state is not State.ERROR,
            Output.HEARTBEAT: self._heartbeat,
            Output.STROBE: self.phase is Phase.STROBE,
            **self._result_levels(),
        }

    def _result_levels(self) -> Mapping[Output, bool]:
        if self._result is None or self.phase not in (Phase.SETUP, Phase.STROBE, Phase.HELD):
            return {}
        line = _RESULT_OF.get(self._result.outcome)  # ERROR and MISSED have none: a strobe without a result line
        if line is Output.REVIEW and not self._with_review:
            line = Output.FAIL
        return {} if line is None else {line: True}

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.step += 1
        self._until_ns = None
        if phase is Phase.GAP:
            self.strobed_ns = None


def _valid(view: StationView) -> PartResult | None:
    """A result of this session with a number that a trigger can have, while the station is verified and not in fault."""
    result = view.result
    belongs = result is not None and result.session == view.session and result.seq != 0
    return result if belongs and view.online and view.fault_code == 0 else None
