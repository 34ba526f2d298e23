"""The architecture on one screen: sources → engine → rules → signals → records.

Each boundary is one to three methods. Adapters live in the folder of the same name and know nothing of each other;
`inspector` pairs an engine with rules, `line` and `serve` drive the inspector, `cli` puts concrete parts together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lineproof.core import Detections, Frame, Image, Inspection, StageTimes
from lineproof.core.station import Command, StationView


class Source(Protocol):
    """Where frames come from."""

    def grab(self, timeout_s: float) -> Frame:
        """The next frame, stamped at its grab.

        Raises:
            SourceEnded: a replay is through.
            SourceTimeout: nothing came within `timeout_s`.
            SourceLost: the handle is dead; only a fresh one can help.
            FrameError: a frame came and is unusable; it names the part, and the next frame may be good.
        """

    def close(self) -> None:
        """Release the device; may be called twice."""


class Engine(Protocol):
    """Pixels to detections."""

    classes: tuple[str, ...]
    provider: str  # the execution provider that really runs, e.g. "CPUExecutionProvider"
    input_wh: tuple[int, int]

    def detect(self, image: Image) -> tuple[Detections, StageTimes]:
        """Detections of an `(H, W, 3)` uint8 BGR image in its own pixels, above the engine's low floor.

        The times hold preprocess, infer and postprocess. Raises EngineError when the run failed.
        """


class Signal(Protocol):
    """Verdict to the outside world; at rest every output means reject."""

    def send(self, inspection: Inspection) -> None:
        """Tell the world; raises SignalError when it did not take it."""

    def heartbeat(self) -> None:
        """Called while the loop makes progress, and only then."""

    def close(self) -> None:
        """Back to rest."""


class Controller(Protocol):
    """A wire to a controller (PLC, MES): shows a station as one piece, and brings what is asked of it."""

    def show(self, view: StationView) -> None:
        """Put the whole view on the wire; raises SignalError when the wire did not take it."""

    def commands(self) -> Sequence[Command]:
        """What was asked since the last call, oldest first; returns at once.

        Raises SignalError when the wire is down: the controller is then as good as dead.
        """

    def close(self) -> None:
        """Everything reads as "no result", then the wire goes down; may be called twice."""


class Recorder(Protocol):
    """Inspection to disk, after the signal."""

    def put(self, inspection: Inspection, image: Image | None) -> None:
        """Hand over and return at once; what cannot be kept is counted, never raised."""

    def close(self) -> None:
        """Write what is pending, then stop."""
