"""Where the decision loop and the server's thread meet, without a lock that one could hold against the other.

A method call is answered only once it is known what came of it, and Good never means more than its text says:

* Every call waits until the decision loop has taken it out of the queue. If that does not happen in time, or the
  caller is gone, the call is withdrawn and the loop never sees it: a trigger for a part that has moved on is worse
  than none.
* StartSingleJob waits for more: a view, shown after the loop took the trigger, that shows this trigger under way or
  answered. A trigger that was missed is Bad_InvalidState, one of which nothing is seen in time is Bad_Timeout.
  One such call at a time: a view does not say which of two triggers it means.

The number of a job is given when the loop takes it, so calls that are withdrawn leave no gap in the sequence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from lineproof.core.station import (
    Acknowledged,
    Alive,
    Command,
    Enabled,
    Halted,
    Outcome,
    RecipeAsked,
    ResetAsked,
    StationView,
    Triggered,
)
from lineproof.signals.opcua.view import UINT16_MAX, UINT32_MAX, Quality, result_id, valid_result

VIEWS = 256  # that may wait for the server's thread; more, and it hangs

WITHOUT_INPUTS: dict[str, tuple[Command, ...]] = {
    "SelectModeAutomatic": (Enabled(on=True),),
    "Stop": (Enabled(on=False),),
    "Halt": (Halted(on=True),),
    "Reset": (Halted(on=False), ResetAsked()),
}


class Answer(NamedTuple):
    """Of a method: a status, and outputs where it is Good."""

    status: Quality
    outputs: tuple[object, ...] = ()


class Call:
    """A method call that waits; compared by identity, so that taking it out of a queue is one step."""

    __slots__ = ("commands", "future", "job", "meas_id", "missed_before", "taken_after")

    def __init__(self, *commands: Command, meas_id: str = "", job: Triggered | None = None) -> None:
        self.commands = commands
        self.meas_id = meas_id
        self.job = job
        self.taken_after = 0  # views shown before it was taken; a later one can tell what came of it
        self.missed_before = False
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answer(self, answer: Answer) -> None:
        """The first answer counts; there may be nobody left to hear it."""
        if not self.future.done():
            self.future.set_result(answer)


class Desk:
    """Of one station. `put` and `take` belong to the decision loop, everything else to the server's thread."""

    def __init__(
        self, *, commands: int, answer_s: float, ring: Callable[[], None], wake: Callable[[], None] = lambda: None
    ) -> None:
        """`ring` wakes the server's thread, `wake` the decision loop; both must return at once."""
        self._limit = commands
        self._answer_s = answer_s
        self._ring = ring
        self._wake = wake
        self._views: deque[tuple[int, StationView]] = deque()
        self._shown = 0
        self._last_shown: StationView | None = None
        self._last_seq = 0
        self._waiting: deque[Call] = deque()
        self._taken: deque[Call] = deque()
        self._starting: Call | None = None
        self._alive = False
        self._open = True
        self._measured: tuple[int, str] = (0, "")
        self.view: StationView | None = None  # what clients see
        self.refused = 0

    def put(self, view: StationView) -> bool:
        """Hand a view over; False when the server's thread takes none any more."""
        if len(self._views) >= VIEWS:
            return False
        self._shown += 1
        self._last_shown = view
        self._views.append((self._shown, view))
        self._ring()
        return True

    def take(self) -> list[Command]:
        """What was asked, oldest first; several changes of the controller's heartbeat are one."""
        commands: list[Command] = []
        if self._alive:
            self._alive = False
            commands.append(Alive())
        taken = False
        while self._waiting:
            try:
                call = self._waiting.popleft()
            except IndexError:  # withdrawn a moment ago
                break
            commands += self._take(call)
            taken = True
        if taken:
            self._ring()
        return commands

    def _take(self, call: Call) -> tuple[Command, ...]:
        call.taken_after = self._shown
        call.missed_before = self._last_shown is not None and self._last_shown.missed_trigger
        if call.job is not None:
            seq = self._next_seq()
            self._measured = (seq, call.meas_id)
            call.job = Triggered(seq, call.job.part_id, call.job.recipe)
            call.commands = (call.job,)
        self._taken.append(call)
        return call.commands

    def _next_seq(self) -> int:
        """One more than the last, of whoever triggered; after 2³²−1 comes 1."""
        result = None if self._last_shown is None else valid_result(self._last_shown)
        if result is not None and (result.seq - self._last_seq) & UINT32_MAX < 1 << 31:
            self._last_seq = result.seq
        self._last_seq = self._last_seq % UINT32_MAX + 1
        return self._last_seq

    def news(self) -> list[StationView]:
        """The views since the last call, oldest first; calls that were waiting for them are answered."""
        for _ in range(len(self._taken)):
            call = self._taken.popleft()
            if call.job is None:
                call.answer(Answer(Quality.GOOD))
        views = []
        for _ in range(len(self._views)):
            number, view = self._views.popleft()
            self._tell(number, view)
            views.append(view)
        if views:
            self.view = views[-1]
        return views

    def meas_id(self, view: StationView) -> str:
        """As given with the trigger of the result of a view; empty where another gave it."""
        seq, meas_id = self._measured
        result = valid_result(view)
        return meas_id if result is not None and result.seq == seq else ""

    def heard(self) -> None:
        """The controller's heartbeat changed."""
        self._alive = True

    def shut(self) -> None:
        """Answer whoever waits, take no more."""
        self._open = False
        for call in (*self._waiting, *self._taken, *([self._starting] if self._starting else [])):
            call.answer(Answer(Quality.BAD_SHUTDOWN))

    def lost(self) -> None:
        """The decision loop is silent: what it showed last is not shown any more."""
        self.view = None

    async def called(self, method: str, inputs: tuple[object, ...]) -> Answer:
        """What came of a method call; its inputs have the types of `address_space.METHODS`."""
        match method, inputs:
            case "StartSingleJob", (str() as meas_id, str() as part_id, int() as recipe):
                return await self._start(meas_id, part_id, recipe)
            case "Acknowledge", (str() as shown,):
                return await self._acknowledge(shown)
            case "PrepareRecipe", (int() as recipe,):
                fits = 1 <= recipe <= UINT16_MAX
                return await self._ask(Call(RecipeAsked(recipe))) if fits else Answer(Quality.BAD_OUT_OF_RANGE)
        return await self._ask(Call(*WITHOUT_INPUTS[method]))

    async def _start(self, meas_id: str, part_id: str, recipe: int) -> Answer:
        if self.view is None:
            return Answer(Quality.BAD_NO_COMMUNICATION)
        if not self.view.takes_known_parts or self._starting is not None:
            return Answer(Quality.BAD_INVALID_STATE)
        if recipe > UINT16_MAX:
            return Answer(Quality.BAD_OUT_OF_RANGE)
        call = Call(meas_id=meas_id, job=Triggered(0, part_id, recipe))  # numbered when it is taken
        self._starting = call
        try:
            return await self._ask(call)
        finally:
            self._starting = None

    async def _acknowledge(self, shown: str) -> Answer:
        result = None if self.view is None else valid_result(self.view)
        if result is None or result_id(result) != shown:
            return Answer(Quality.BAD_NOT_FOUND)
        return await self._ask(Call(Acknowledged(result.seq)))

    async def _ask(self, call: Call) -> Answer:
        if not self._open:
            return Answer(Quality.BAD_SHUTDOWN)
        if len(self._waiting) >= self._limit:
            self.refused += 1
            self._ring()
            return Answer(Quality.BAD_TOO_MANY_OPERATIONS)
        self._waiting.append(call)
        self._wake()
        try:
            async with asyncio.timeout(self._answer_s):
                return await call.future
        except TimeoutError:
            return Answer(Quality.BAD_TIMEOUT)
        finally:
            self._withdraw(call)

    def _withdraw(self, call: Call) -> None:
        try:
            self._waiting.remove(call)
        except ValueError:  # the loop has it
            return

    def _tell(self, number: int, view: StationView) -> None:
        call = self._starting
        if call is None or call.job is None or call.job.seq == 0 or number <= call.taken_after:
            return
        status = came_of(call.job, view, missed_before=call.missed_before)
        if status is not None:
            call.answer(Answer(status, (call.job.seq,) if status is Quality.GOOD else ()))


def came_of(job: Triggered, view: StationView, *, missed_before: bool) -> Quality | None:
    """What a view, shown after the loop took a trigger, tells of it: Good, Bad_InvalidState, or None for nothing yet.

    A view names the trigger under way by its part alone; a station may name a part that came without a name.
    """
    result = valid_result(view)
    if result is not None and result.seq == job.seq:
        return Quality.BAD_INVALID_STATE if result.outcome is Outcome.MISSED else Quality.GOOD
    if view.missed_trigger and not missed_before:
        return Quality.BAD_INVALID_STATE
    if view.triggered and result is None and job.part_id in (view.part_id, ""):
        return Quality.GOOD
    return None
