"""A conducted line with scripted cameras, wires and engine, its decision loop on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from builders import PROVENANCE, frame
from line_rig import CLASSES, inspector_of, scripted_engine
from lineproof.core import Frame, Image, Inspection
from lineproof.core.station import Acknowledged, Command, Enabled, PartResult, StationView, Triggered
from lineproof.engine.scripted import Answer
from lineproof.errors import SignalError, SourceTimeout
from lineproof.line.conduct.conductor import Conductor
from lineproof.line.conduct.eye import Checked, Eye, Sight
from lineproof.line.conduct.inbox import Inbox
from lineproof.line.conduct.news import News
from lineproof.line.conduct.post import Post
from lineproof.line.conduct.wires import Wires
from lineproof.line.engine_room.events import Decides, Done, Dropped, Job, Key, Ready
from lineproof.line.notify import Notifier
from lineproof.line.station.station import Station, Terms
from lineproof.ports import Source
from lineproof.records.cycle import Acknowledgement, Cycle

WAIT_S = 5.0
OTHER = replace(PROVENANCE, bundle_digest="7" * 64)  # of recipe 7


class Controller:
    """A wire whose other end is the test."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.views: list[StationView] = []
        self.asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.down = ""
        self.closed = False

    def show(self, view: StationView) -> None:
        if self.down:
            raise SignalError(self.down)
        self.views.append(view)

    def commands(self) -> Sequence[Command]:
        if self.down:
            raise SignalError(self.down)
        found = []
        while not self.asked.empty():
            found.append(self.asked.get())
        return found

    def close(self) -> None:
        self.closed = True

    def ask(self, *commands: Command) -> None:
        for command in commands:
            self.asked.put(command)
        self.wake()

    def until(self, wanted: Callable[[StationView], bool], timeout_s: float = WAIT_S) -> StationView:
        """The first view from now on (the present one included) that is as wanted."""
        end_s = time.monotonic() + timeout_s
        at = max(0, len(self.views) - 1)
        while time.monotonic() < end_s:
            for view in self.views[at:]:
                if wanted(view):
                    return view
            at = max(at, len(self.views) - 1)
            time.sleep(0.001)
        raise AssertionError(f"no such view; the last one: {self.views[-1] if self.views else None}")

    def ready(self) -> StationView:
        return self.until(lambda view: view.ready)

    def result(self, seq: int) -> PartResult:
        view = self.until(lambda view: view.result is not None and view.result.seq == seq)
        assert view.result is not None
        return view.result

    def part(self, seq: int, part_id: str = "") -> PartResult:
        """Trigger, read, acknowledge."""
        self.ask(Triggered(seq, part_id))
        result = self.result(seq)
        self.ask(Acknowledged(seq))
        return result


class ThreadRoom:
    """Inference on a thread: what a room does, without its process."""

    def __init__(self, tell: Callable[[News], None], answers: Sequence[Answer] = ()) -> None:
        self.inspector = inspector_of(scripted_engine(*answers))
        self.tell = tell
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.trouble, self.restarts = "", 0
        self.abandoned: list[tuple[Key, int]] = []
        self.full = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def submit(self, job: Job) -> bool:
        if not self.full:
            self.jobs.put(job)
        return not self.full

    def abandon(self, key: Key, seq: int) -> None:
        self.abandoned.append((key, seq))

    def supervise(self) -> None:
        return

    def close(self) -> None:
        self.jobs.put(None)
        self.thread.join(WAIT_S)

    def _run(self) -> None:
        self.tell(Ready({0: Decides(PROVENANCE, CLASSES), 7: Decides(OTHER, CLASSES)}))
        for job in iter(self.jobs.get, None):
            if (job.key, job.seq) in self.abandoned:
                self.tell(Dropped(job))
            else:
                inspection = self.inspector.inspect(job.frame)
                self.tell(Done(job, replace(inspection, provenance=OTHER) if job.recipe == 7 else inspection))


class Shelf:
    """Records that stay in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[Inspection, Image | None, Cycle | None]] = []
        self.receipts: list[Acknowledgement] = []

    def put(self, inspection: Inspection, image: Image | None, cycle: Cycle | None = None) -> None:
        self.rows.append((inspection, image, cycle))

    def acknowledge(self, receipt: Acknowledgement) -> None:
        self.receipts.append(receipt)


class Stream:
    """A camera that exposes by itself, every few milliseconds."""

    def __init__(self, view: str = "main", every_s: float = 0.005) -> None:
        self.view, self.every_s = view, every_s
        self.count = 0
        self.fail: Exception | None = None
        self.silent = False
        self.closed = threading.Event()

    def grab(self, timeout_s: float) -> Frame:
        self.closed.wait(self.every_s)
        if self.fail is not None:
            raise self.fail
        if self.silent:
            self.closed.wait(timeout_s)
            raise SourceTimeout("silence")
        self.count += 1
        return frame(f"camera-{self.count}", view=self.view)

    def close(self) -> None:
        self.closed.set()


class Rig:
    """One or more stations of one camera for each view; `with` runs and ends it."""

    def __init__(
        self,
        *answers: Answer,
        stations: Sequence[str] = ("press",),
        views: Sequence[str] = ("main",),
        sources: dict[str, Callable[[], Source]] | None = None,
        on_demand: bool = False,
        check: Callable[[Frame], Checked] = lambda _: Checked(),
        watchers: Sequence[str] = (),
        lag_ms: float = 0.0,
        bad_in_a_row: int = 3,
        storage: Callable[[], str] = lambda: "",
        storage_required: bool = False,
        **terms: object,
    ) -> None:
        self.inbox: Inbox[News] = Inbox()
        self.room = ThreadRoom(self.inbox.put, answers)
        self.shelf = Shelf()
        self.streams: dict[tuple[str, str], Stream] = {}
        self.controllers: dict[str, dict[str, Controller]] = {}
        self.terms = Terms(**{"views": tuple(views), "controller_timeout_ms": 0, "deadline_ms": 1000, **terms})
        posts = []
        for number, name in enumerate(stations):
            wires = {wire: Controller(self.inbox.wake) for wire in ("plc", *watchers)}
            self.controllers[name] = wires
            eyes = []
            for view in views:
                stream = self.streams[name, view] = Stream(view)
                source = (sources or {}).get(view, lambda stream=stream: stream)
                sight = Sight(
                    name,
                    view,
                    f"{name}-{view}",
                    source,
                    on_demand,
                    lag_ms,
                    self.terms.trigger_lead_ms,
                    check,
                    bad_in_a_row,
                )
                eyes.append(Eye(sight, self.inbox, self.room.submit))
            posts.append(
                Post(
                    name,
                    Station(self.terms, session=number + 1),
                    Wires(wires, "plc", time.monotonic_ns),
                    eyes,
                    self.room,
                    [self.shelf],
                    mm_per_px={0: 0.1},
                    clock_ns=time.monotonic_ns,
                )
            )
        self.conductor = Conductor(
            posts,
            self.room,
            self.inbox,
            storage_trouble=storage,
            storage_required=storage_required,
            notifier=Notifier("", 0),
        )
        self.thread = threading.Thread(target=self.conductor.run, daemon=True)

    @property
    def plc(self) -> Controller:
        return self.controllers["press"]["plc"]

    @property
    def stream(self) -> Stream:
        return self.streams["press", "main"]

    def __enter__(self) -> Self:
        self.thread.start()
        for wires in self.controllers.values():
            wires["plc"].ask(Enabled(on=True))
        return self

    def __exit__(self, *_: object) -> None:
        self.conductor.stop()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def outcomes(rig: Rig, station: str = "press") -> dict[str, int]:
    """How its parts were answered."""
    return {word: n for word, n in rig.conductor.posts[station].tally.figures().outcomes.items() if n}
