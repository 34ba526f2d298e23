"""What runs in the engine's process: build, then one job after the other until the line is gone.

One thread does everything: between two jobs it takes in what has come. So nothing competes with the inference for the
interpreter, and an engine that keeps buffers for each thread that calls it has one set of them.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

from lineproof.core import Frame
from lineproof.core.verdict import fault
from lineproof.inspector import Inspector
from lineproof.line.attempt import Done, Failure, attempt
from lineproof.line.engine_room.events import Decides, Ready
from lineproof.line.engine_room.fair_queue import FairQueue
from lineproof.line.engine_room.report import Report
from lineproof.line.engine_room.slots import SlotReader
from lineproof.line.engine_room.wire import Answer, Leaving, Order, Words, ordered, tell

Inspectors = Mapping[int, Inspector]  # by recipe
Build = Callable[[], Inspectors]

FAILURES_IN_A_ROW = 3  # before the engine is asked about a frame that it could inspect
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def live(build: bytes, orders: Connection, answers: Connection, slots: tuple[SlotReader, ...], parent_pid: int) -> None:
    """The process' whole life; `build` is a pickled `Build`."""
    _belong_to(parent_pid)
    with suppress(EOFError, BrokenPipeError):  # the line is gone: nobody is left to tell
        _work(build, orders, answers, slots)


def _belong_to(parent_pid: int) -> None:
    """End with the line and by nothing else, and keep off its output."""
    # Ctrl-C and systemd's SIGTERM reach every process of the line, which still wants its last parts inspected.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.dup2(2, 1)  # libraries greet on stdout, which is for the line's answers
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it was gone before the kernel knew what to do then
            os._exit(1)


def _work(build: bytes, orders: Connection, answers: Connection, slots: tuple[SlotReader, ...]) -> None:
    built = attempt(lambda: _built(build))
    if isinstance(built, Failure):
        tell(answers, Leaving(str(built)))
        return
    inspectors, desk, trust = built.value, Desk(orders, slots), Trust(built.value)
    # A full collection looks at all that was ever imported: 0.5 to 0.9 s on two overloaded cores, and a part waits for it.
    gc.freeze()
    decides = {recipe: Decides(one.provenance, one.engine.classes) for recipe, one in inspectors.items()}
    tell(answers, Ready(decides))
    while True:
        for number in desk.take_in():
            tell(answers, Answer(number, None))
        job = desk.next()
        if job is None:
            continue
        number, recipe, frame = job
        inspector = inspectors[recipe]
        outcome = attempt(partial(inspector.inspect, frame))
        if isinstance(outcome, Done):
            tell(answers, Answer(number, Report.of(outcome.value)))
            trust.succeeded(recipe, frame)
            continue
        faulted = inspector.faulted(frame, fault("engine", str(outcome)))
        tell(answers, Answer(number, Report.of(faulted)))
        if trust.lost_after_failure():
            tell(answers, Leaving(f"{FAILURES_IN_A_ROW} runs failed one after the other: {outcome}"))
            return


def _built(build: bytes) -> Inspectors:
    make: Build = pickle.loads(build)  # noqa: S301 – from the line that started us
    return make()


class Trust:
    """Whether runs fail because of the pictures or because of the engine.

    A device that is lost fails every run, and CUDA cannot recover inside its process (faults R-18); but a station whose
    camera was set to another size fails every run, too, and must not take the engine from the others.
    """

    def __init__(self, inspectors: Inspectors) -> None:
        self._inspectors = inspectors
        self._failures = 0  # since the last success
        self._known: tuple[int, Frame] | None = None  # the first that could be inspected, and its recipe

    def succeeded(self, recipe: int, frame: Frame) -> None:
        """A run was good."""
        self._failures = 0
        if self._known is None:
            self._known = recipe, replace(frame, image=frame.image.copy())  # its slot will hold others

    def lost_after_failure(self) -> bool:
        """A run failed: True once several have, and a frame known to be good fails as well, or there is none."""
        self._failures += 1
        if self._failures < FAILURES_IN_A_ROW:
            return False
        self._failures = 0
        if self._known is None:
            return True
        recipe, frame = self._known
        return isinstance(attempt(partial(self._inspectors[recipe].inspect, frame)), Failure)


class Desk:
    """What has come and is not begun."""

    def __init__(self, orders: Connection, slots: tuple[SlotReader, ...]) -> None:
        self._orders = orders
        # `Connection.poll` makes and drops a selector each time: 0.05 ms on a core that slept.
        self._more = select.poll()
        self._more.register(orders.fileno(), select.POLLIN | select.POLLHUP)
        self._slots = slots
        self._queue = FairQueue()
        self._frames: dict[int, tuple[int, Frame]] = {}  # by number: recipe and frame

    def take_in(self) -> list[int]:
        """Read what has come, waiting only when nothing is to do; the numbers that need not be begun any more.

        Raises EOFError when the line is gone.
        """
        dropped: list[int] = []
        wait = not self._queue
        while wait or self._more.poll(0):
            wait = False
            message = ordered(self._orders.recv_bytes())
            if isinstance(message, Order):
                self._lay_down(message)
            elif self._queue.drop(message.number):
                dropped.append(message.number)
        dropped += self._queue.late(time.monotonic_ns())
        for number in dropped:
            del self._frames[number]
        return dropped

    def next(self) -> tuple[int, int, Frame] | None:
        """Number, recipe and frame of the job whose turn it is."""
        number = self._queue.take()
        return None if number is None else (number, *self._frames.pop(number))

    def _lay_down(self, order: Order) -> None:
        image, packed = self._slots[order.slot].read(order.extent)
        words = Words.unpacked(packed)
        self._frames[order.number] = words.recipe, words.frame(image)
        self._queue.put(words.key, order.number, words.due_ns)
