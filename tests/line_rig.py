"""A line with scripted parts all round."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from builders import PROVENANCE, detections, frame
from lineproof.core import Frame, Image, Inspection
from lineproof.core.threshold import Threshold
from lineproof.engine.scripted import Answer, ScriptedEngine
from lineproof.errors import SourceError
from lineproof.inspector import Inspector
from lineproof.line.loop import Line
from lineproof.line.notify import Notifier
from lineproof.line.settings import LineSettings
from lineproof.ports import Engine, Source
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules
from lineproof.signals.scripted import ScriptedSignal
from lineproof.sources.scripted import ScriptedSource

CLASSES = ("scratch",)
GOOD = detections()
BAD = detections((0, 0, 9, 9, 0.9, 0))
UNSURE = detections((0, 0, 9, 9, 0.4, 0))


class Memory:
    """A Recorder that keeps everything, or raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: list[Inspection] = []
        self.images: list[Image | None] = []
        self.error = error
        self.closed = False

    def put(self, inspection: Inspection, image: Image | None) -> None:
        if self.error is not None:
            raise self.error
        self.kept.append(inspection)
        self.images.append(image)

    def close(self) -> None:
        self.closed = True


def inspector_of(engine: Engine) -> Inspector:
    limits = compile_limits(Rules(), CLASSES, {"scratch": Threshold(0.5, 0.3)}, 0.01)
    return Inspector(engine, limits, PROVENANCE)


def scripted_engine(*answers: Answer) -> ScriptedEngine:
    """Answers in turn, then GOOD for ever."""
    return ScriptedEngine(CLASSES, answers)


class Endless:
    """A source that has a fresh frame whenever it is asked, and a short pause between two."""

    def __init__(self, pause_s: float = 0.005) -> None:
        self.count = 0
        self.pause_s = pause_s
        self.closed = threading.Event()

    def grab(self, timeout_s: float) -> Frame:
        self.closed.wait(min(self.pause_s, timeout_s))
        self.count += 1
        return frame(f"p{self.count}")

    def close(self) -> None:
        self.closed.set()


def parts(*names: str) -> Iterable[Frame]:
    """One fresh frame per name, stamped when it is grabbed."""
    return (frame(name) for name in names)


def line_of(
    source: Source | Iterable[Frame | SourceError | float],
    engine: Engine | None = None,
    *,
    signal: ScriptedSignal | None = None,
    recorders: tuple[Memory, ...] = (),
    on_demand: bool = True,
    **settings: object,
) -> tuple[Line, ScriptedSignal]:
    """A line and the signal to look at; by default each frame is a part and the source waits for the line."""
    facts = {"trigger": "each_frame", "deadline_ms": 5000, "heartbeat_ms": 10} | settings
    signal = signal or ScriptedSignal()
    line = Line(
        inspector_of(engine or scripted_engine()),
        source if hasattr(source, "grab") else ScriptedSource(source),
        signal,
        recorders,
        LineSettings(**facts),
        on_demand=on_demand,
        notifier=Notifier("", 0),
    )
    return line, signal
