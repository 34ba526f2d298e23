"""Engines that a child process can be told to build, and a room with ears for tests."""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from builders import PROVENANCE, detections, frame
from lineproof.core import Detections, Frame, StageTimes
from lineproof.core.budget import RestartBudget
from lineproof.engine.scripted import ScriptedEngine
from lineproof.errors import BundleError, EngineError
from lineproof.inspector import Inspector
from lineproof.line.engine_room.events import Job, Ready, RoomEvent
from lineproof.line.engine_room.room import EngineRoom

FAR_NS = 10**19


MASKED = detections((5, 6, 1005, 1006, 0.9, 0), masks=True)  # its mask is larger than any pipe


class ObedientEngine(ScriptedEngine):
    """Does what the first pixels of a frame tell; otherwise answers one box as wide as the brightest pixel of it is bright."""

    def detect(self, image):
        order = bytes(image[0, :, 0]).rstrip(b"\0").decode("ascii", "replace")
        match order.split():
            case ["hang"]:
                while True:
                    pass
            case ["sleep", ms]:
                time.sleep(int(ms) / 1000)
            case ["fail", words]:
                raise EngineError(f"the run failed: {words}")
            case ["bug"]:
                raise ZeroDivisionError("nobody foresaw this")
            case ["write"]:
                image[0, 0, 0] = 1
            case ["abort"]:
                os.abort()
            case ["masks"]:
                return MASKED, StageTimes()
            case ["stdout"]:
                sys.stdout.write("hello from a library\n")
                sys.stdout.flush()
        width = float(image.max())
        box = np.array([[0, 0, width, image.shape[0]]], np.float32)
        return Detections(box, np.ones(1, np.float32), np.zeros(1, np.int32)), StageTimes(infer=1.0)


def obedient() -> Inspector:
    return Inspector(ObedientEngine(("scratch",)), (), PROVENANCE)


def unfit() -> Inspector:
    raise BundleError("press-3: the bundle was changed after sealing", hint="copy it again")


def broken() -> Inspector:
    raise KeyError("model")


def dead() -> Inspector:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def once(mark: Path, afterwards: str) -> Inspector:
    """Good the first time; each build leaves a line in `mark`."""
    built = mark.read_text().splitlines() if mark.exists() else []
    mark.write_text("\n".join([*built, str(os.getpid())]))
    if built and afterwards == "unfit":
        unfit()
    return obedient()


def told(order: str = "", part_id: str = "p1", *, wh: tuple[int, int] = (64, 48), **changes: object) -> Frame:
    """A frame that tells the engine what to do."""
    width, height = wh
    image = np.zeros((height, width, 3), np.uint8)
    image[0, : len(order), 0] = list(order.encode())
    return frame(part_id, image=image, **changes)


def job(order: str = "", seq: int = 1, key: str | int = "a", due_ns: int = FAR_NS, **changes: object) -> Job:
    return Job(key, seq, told(order, f"{key}-{seq}", **changes), due_ns)


class Rig:
    """A room and what was heard from it."""

    def __init__(self, build=obedient, *, slots=4, frame_bytes=64 * 48 * 3, hung_ms=10_000, restarts=3, start=True):
        self.heard: queue.SimpleQueue[tuple[int, RoomEvent]] = queue.SimpleQueue()
        self.room = EngineRoom(
            build,
            frame_bytes=frame_bytes,
            slots=slots,
            hung_ms=hung_ms,
            budget=RestartBudget(restarts, 300),
            heard=lambda event: self.heard.put((time.monotonic_ns(), event)),
        )
        if start:
            self.room.start()

    def next(self, kind: type | None = None, timeout_s: float = 30):
        """The next event, which must be of this kind."""
        self.at_ns, event = self.heard.get(timeout=timeout_s)
        assert kind is None or isinstance(event, kind), event
        return event

    def supervised(self, kind: type, timeout_s: float = 30):
        """The same, turning as a decision loop does while it waits."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self.room.supervise()
            try:
                return self.next(kind, 0.02)
            except queue.Empty:
                continue
        raise AssertionError(f"no {kind.__name__}: {self.room.trouble}")

    @property
    def pid(self) -> int:
        return self.room._process.pid


@contextmanager
def rig(build=obedient, *, wait=True, **changes) -> Iterator[Rig]:
    made = Rig(build, **changes)
    try:
        if wait:
            made.next(Ready)
        yield made
    finally:
        made.room.close()

