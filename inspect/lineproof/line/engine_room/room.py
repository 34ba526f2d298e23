"""The engine room: one supervised process, shared by the stations of a line.

    cameras' threads   submit, which never waits
    decision loop      abandon, supervise, which never wait either
    room thread        starts the process, hears it, tells `heard`, replaces it within the budget
    engine process     `child.live`

Every job that was taken comes back as exactly one of Done, Dropped or Lost. Silence is not one of them: a process that
does not answer is killed, and one that cannot be killed leaves the room not ready.
"""

from __future__ import annotations

import atexit
import logging
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from multiprocessing import resource_tracker

from lineproof.core.budget import RestartBudget
from lineproof.errors import EngineError
from lineproof.line.attempt import Failure, attempt
from lineproof.line.engine_room.child import Build
from lineproof.line.engine_room.events import Decides, Done, Dropped, GivenUp, Job, Key, Lost, Ready, RoomEvent
from lineproof.line.engine_room.flights import Flights
from lineproof.line.engine_room.process import EngineProcess
from lineproof.line.engine_room.report import Report
from lineproof.line.engine_room.slots import Extent, take_slots
from lineproof.line.engine_room.wire import Abandon, Answer, FromEngine, Order, Words

log = logging.getLogger("lineproof.line")

MOST_SLOTS = 64  # two messages of 150 bytes for each are within every pipe
LEAVE_S = 0.5  # an idle process has gone in a millisecond
KILLED_S = 2.0  # until the system has taken back the memory of a large one


class EngineRoom:
    """Inference in its own process: `ready` says whether a job would be taken, `trouble` why not."""

    def __init__(
        self,
        build: Build,
        *,
        frame_bytes: int,
        slots: int,
        hung_ms: float,
        budget: RestartBudget,
        heard: Callable[[RoomEvent], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take memory for `slots` frames of `frame_bytes`; a larger frame makes its slot grow.

        `build` runs in the process: it opens, verifies and warms up, and raises LineproofError otherwise. `heard` is
        called on the room's thread and must be cheap.

        Raises:
            EngineError: no memory for the frames, or a system without the means.
            PicklingError: `build` cannot travel to another process.
        """
        if sys.platform == "win32":
            raise EngineError("an engine room needs Linux or macOS")
        if not 1 <= slots <= MOST_SLOTS:
            raise ValueError(f"slots: expected 1 to {MOST_SLOTS}, got {slots}")
        self.restarts = 0
        self.trouble = "the engine has not been started"
        self._ready = False
        self._stood = False  # at least once
        self._build = pickle.dumps(build)
        self._recipes: Mapping[int, Decides] = {}  # of the process that is ready; the room's thread alone
        self._hung_ns = int(hung_ms * 1e6)
        self._budget = budget
        self._heard = heard
        self._clock_ns = clock_ns
        self._slots = take_slots(slots, frame_bytes)
        self._numbers = count(1)
        self._thread = threading.Thread(target=self._run, name="engine room", daemon=True)
        self._lock = threading.Lock()  # guards all below
        self._flights = Flights(slots)
        self._progress_ns = 0  # when the process last had reason to be busy with something new
        self._process: EngineProcess | None = None
        self._why = ""  # this process is to end, in words known before it did
        self._closed = False

    @property
    def ready(self) -> bool:
        """Verified, warm, and not known to hang."""
        return self._ready

    def start(self) -> None:
        """Begin to build the engine; returns at once, events say how it went."""
        self.trouble = "the engine is being made ready"
        atexit.register(self.close)  # before multiprocessing's own handler, which would wait for the process for ever
        self._thread.start()

    def submit(self, job: Job) -> bool:
        """Take a job; False when the engine is not ready or every slot is in use. Copies the frame, never waits."""
        with self._lock:
            slot = self._flights.take_slot() if self._ready else None
        if slot is None:
            return False
        extent = self._lay(job, slot)
        with self._lock:
            if extent is not None and self._hand_over(job, slot, Order.of(next(self._numbers), slot, extent)):
                return True
            self._flights.give_back(slot)
            return False

    def abandon(self, key: Key, seq: int) -> None:
        """Nobody waits for these frames any more: those that are not begun come back as Dropped."""
        with self._lock:
            if self._process is None or not self._ready:
                return
            for number in self._flights.of(key, seq):
                self._process.tell(Abandon(number))

    def supervise(self) -> None:
        """Kill a process that hangs; called at each turn of the decision loop."""
        with self._lock:
            silent_ns = self._clock_ns() - self._progress_ns
            if self._process is None or not self._ready or not self._flights or silent_ns <= self._hung_ns:
                return
            if self._process.has_spoken:  # it is the line that was slow to hear
                return
            self._dismiss(self._process, f"the engine hangs: no answer for {silent_ns / 1e6:.0f} ms")

    def close(self) -> None:
        """End the process after the job under way, or kill it; may be called twice."""
        atexit.unregister(self.close)
        with self._lock:
            if self._closed:
                return
            self._closed, self._ready = True, False
            self.trouble = "the engine is closed"
            if self._process is not None:
                self._process.hang_up()
        if self._thread.ident is not None:
            self._thread.join(LEAVE_S)
            with self._lock:
                if self._process is not None:
                    self._process.kill()
            self._thread.join(KILLED_S)
        for slot in self._slots:
            slot.close()

    def _run(self) -> None:
        """The room's thread, which must live as long as its process: see `EngineProcess`."""
        # A child inherits what the thread that starts it blocks: Ctrl-C while it still imports would end it with a
        # traceback. multiprocessing's tracker unblocks these signals when it is started, so it comes first.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        outcome = attempt(self._lives)
        if isinstance(outcome, Failure):
            self._lose(f"the engine room failed: {outcome}")
            self._give_up(f"the engine room failed: {outcome}: restart the line")

    def _lives(self) -> None:
        """One process after the other."""
        while True:
            why = self._live()
            if self._closed:
                return
            if not self._stood:  # what has never stood will not stand the next time
                self._give_up(why)
                return
            if not self._budget.take():
                self._give_up(f"{why}; given up after {self._budget}: restart the line")
                return
            self.restarts += 1
            self._say(f"{why}; the engine is being made ready again")

    def _live(self) -> str:
        """One process from start to end; why it ended."""
        try:
            process = EngineProcess(self._build, self._slots)
        except OSError as error:
            why = f"no process can be started for the engine: {error}"
            self._lose(why)
            return why
        with self._lock:
            self._process, self._why = process, ""
            if self._closed:
                process.kill()
        while (message := process.hear()) is not None:
            self._take(message, process)
        why = self._why or ("the engine was closed" if self._closed else process.last_words())
        self._lose(why)
        process.close()
        return why

    def _take(self, message: FromEngine, process: EngineProcess) -> None:
        """On the room's thread: what the process says."""
        if isinstance(message, Ready):
            self._say("")
            with self._lock:
                self._stood, self._ready = True, not self._closed
            self._recipes = message.recipes
            self._heard(message)
        elif isinstance(message, Answer):
            with self._lock:
                job = self._flights.end(message.number)
                self._progress_ns = self._clock_ns()
            self._heard(self._ended(job, message.report))
        else:
            with self._lock:
                self._dismiss(process, message.why)  # at once: a device that is lost can hang its end, too

    def _ended(self, job: Job, report: Report | None) -> Done | Dropped:
        if report is None:
            return Dropped(job)
        return Done(job, report.inspection(job.frame, self._recipes[job.recipe]))

    def _lay(self, job: Job, slot: int) -> Extent | None:
        """Into its slot; None when that cannot grow to the frame."""
        try:
            return self._slots[slot].write(job.frame.image, Words.of(job).packed())
        except OSError as error:
            log.warning("part %s: no memory for its frame: %s", job.frame.part_id, error)
            return None

    def _hand_over(self, job: Job, slot: int, order: Order) -> bool:
        """Under the lock: the order is with the process, and the job counts as with it."""
        if self._process is None or not self._ready or not self._process.tell(order):
            return False  # it ended while the frame was copied
        if not self._flights:
            self._progress_ns = self._clock_ns()
        self._flights.begin(order.number, job, slot)  # its answer is heard under the lock, too
        return True

    def _dismiss(self, process: EngineProcess, why: str) -> None:
        """Under the lock: this process gets nothing more, and ends."""
        self._ready, self._why = False, why
        if not self._closed:
            self.trouble = why
        process.kill()

    def _lose(self, why: str) -> None:
        """On the room's thread: the process is gone, and what was with it is told."""
        with self._lock:
            process, self._process, self._ready = self._process, None, False
            lost = self._flights.end_all()
        if process is not None:
            process.kill()
        self._say(why)
        if lost or not (self._closed or not self._stood):
            self._heard(Lost(why, lost))

    def _give_up(self, why: str) -> None:
        self._say(why)
        self._heard(GivenUp(why))

    def _say(self, trouble: str) -> None:
        with self._lock:
            if not self._closed:
                self.trouble = trouble
