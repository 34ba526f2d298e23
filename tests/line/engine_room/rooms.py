"""Engines that a child process can be told to build, and a room with ears for tests."""

from __future__ import annotations

import gc
import os
import queue
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from builders import PROVENANCE, detections, frame
from lineproof.core import StageTimes
from lineproof.core.budget import RestartBudget
from lineproof.engine.scripted import ScriptedEngine
from lineproof.errors import BundleError, EngineError
from lineproof.inspector import Inspector
from lineproof.line.engine_room.events import Done, Job, Ready, RoomEvent
from lineproof.line.engine_room.room import EngineRoom

FAR_NS = 10**19
OTHER = replace(PROVENANCE, bundle_name="other")
MASKED = detections((5, 6, 1005, 1006, 0.9, 0), masks=True)  # its mask is larger than any pipe


class ObedientEngine(ScriptedEngine):
    """Does what the first pixels of a frame tell; otherwise finds one box, as wide as the brightest pixel is bright."""

    def __init__(self, gate: Path) -> None:
        super().__init__(("scratch",))
        self.gate = gate
        self.lost = False
        self.orders = {
            "": lambda image: None,
            "hang": self.hang,
            "hold": self.hold,
            "lose": self.lose,
            "fail": self.fail,
            "bug": lambda image: 1 / 0,
            "write": self.write,
            "collect": self.collect,
            "abort": lambda image: os.abort(),
            "stdout": lambda image: os.write(1, b"hello from a library\n"),
        }

    def detect(self, image):
        order = bytes(image[0, :, 0]).rstrip(b"\0").decode("ascii", "replace")
        if order == "masks":
            return MASKED, StageTimes()
        self.orders.get(order, self.orders[""])(image)
        if self.lost:
            raise EngineError("the GPU is lost")
        return detections((0, 0, float(image.max()), image.shape[0], 1, 0)), StageTimes(infer=1.0)

    def hang(self, _image):
        while True:
            pass

    def hold(self, _image):
        held(self.gate).touch()
        while not self.gate.exists():
            time.sleep(0.001)
        self.gate.unlink()
        held(self.gate).unlink()

    def lose(self, _image):
        self.lost = True

    def fail(self, _image):
        raise EngineError("the run failed: odd")

    def collect(self, _image):
        if not gc.get_freeze_count():
            raise EngineError("a full collection would look at all that was ever imported")

    def write(self, image):
        image[0, 0, 0] = 1


def held(gate: Path) -> Path:
    return gate.with_name("held")


def obedient(gate: Path = Path("nowhere")) -> dict[int, Inspector]:
    return {0: Inspector(ObedientEngine(gate), (), PROVENANCE)}


def unfit() -> dict[int, Inspector]:
    raise BundleError("press-3: the bundle was changed after sealing", hint="copy it again")


def broken() -> dict[int, Inspector]:
    raise KeyError("model")


def dead() -> dict[int, Inspector]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def once(mark: Path) -> dict[int, Inspector]:
    """Good the first time only; each build leaves a line in `mark`."""
    built = mark.read_text().splitlines() if mark.exists() else []
    mark.write_text("\n".join([*built, str(os.getpid())]))
    return unfit() if built else obedient()


def sealed(bundle: Path) -> dict[int, Inspector]:
    """A real engine, as the command line builds it."""
    from lineproof.cli.assemble import open_inspector
    from lineproof.rules.tolerance import Rules

    return {0: open_inspector(bundle, Rules())[0]}


def two_recipes() -> dict[int, Inspector]:
    """The second finds nothing, whatever it is shown."""
    blind = Inspector(ScriptedEngine(("dent",)), (), OTHER)
    return {1: obedient()[0], 2: blind}


def job(order="", seq=1, key="a", due_ns=FAR_NS, *, wh=(64, 48), **changes) -> Job:
    """A frame that tells the engine what to do."""
    width, height = wh
    image = np.zeros((height, width, 3), np.uint8)
    image[0, : len(order), 0] = list(order.encode())
    return Job(key, seq, frame(f"{key}-{seq}", image=image, **changes), due_ns)


class Rig:
    """A room and what was heard from it."""

    def __init__(self, build=None, *, slots=4, frame_bytes=64 * 48 * 3, hung_ms=60_000, restarts=3):
        self.heard: queue.SimpleQueue[tuple[int, RoomEvent]] = queue.SimpleQueue()
        self.folder = Path(tempfile.mkdtemp())
        self.gate = self.folder / "gate"
        self.room = EngineRoom(
            build or partial(obedient, self.gate),
            frame_bytes=frame_bytes,
            slots=slots,
            hung_ms=hung_ms,
            budget=RestartBudget(restarts, 300),
            heard=lambda event: self.heard.put((time.monotonic_ns(), event)),
        )

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

    @contextmanager
    def busy(self) -> Iterator[Job]:
        """The engine is in the middle of this job until the end of the block; then it is done."""
        holding = job("hold", 100)
        assert self.room.submit(holding)
        wait_for(held(self.gate).exists)
        yield holding
        self.gate.touch()
        assert self.next(Done).job is holding

    @property
    def pid(self) -> int:
        return self.room._process.pid


@contextmanager
def rig(build=None, *, start=True, wait=True, **changes) -> Iterator[Rig]:
    made = Rig(build, **changes)
    try:
        if start:
            made.room.start()
        if start and wait:
            made.next(Ready)
        yield made
    finally:
        made.room.close()
        shutil.rmtree(made.folder)


def wait_for(condition, timeout_s: float = 30) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
