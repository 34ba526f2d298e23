"""What runs in each process of the Ray Serve deployment: one engine, built and proved there, and its health."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lineproof.core import Detections, Image, StageTimes
from lineproof.errors import EngineError
from lineproof.ports import Engine


@dataclass(frozen=True, slots=True)
class ReplicaParts:
    """A verified, warmed-up engine whose probes agree, and how to ask it again."""

    engine: Engine
    fallback: str  # why `auto` did not get a GPU; empty when it did, or none was asked for
    prove: Callable[[], None]  # replays the probes; raises EngineError when they disagree


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the door must know of an engine that it has not got."""

    classes: tuple[str, ...]
    provider: str
    fallback: str
    input_wh: tuple[int, int]


Found = tuple[Detections, StageTimes, str]  # the provider with every answer: replicas may differ in hardware


class Replica:
    """One engine behind Ray Serve; it exists only once its bundle is verified and its probes agree."""

    def __init__(self, build: Callable[[], ReplicaParts], stuck_s: float, *, on_loopback: bool) -> None:
        """Build the engine in this process; a run that takes longer than `stuck_s` hangs."""
        if on_loopback:
            _stay_on_loopback()
        # One image at a time, the next one already here, and always on the same thread: an engine keeps buffers for each
        # thread that calls it, and Ray Serve would call from dozens.
        self._thread = ThreadPoolExecutor(1, "lineproof-engine")
        self._parts = self._thread.submit(build).result()
        self._stuck_s = stuck_s
        self._started_s: float | None = None
        self._doubtful = False

    def about(self) -> EngineFacts:
        """What this engine is."""
        engine = self._parts.engine
        return EngineFacts(engine.classes, engine.provider, self._parts.fallback, engine.input_wh)

    def detect(self, image: Image) -> Found:
        """As `Engine.detect`, with the provider that ran; raises EngineError."""
        return self._thread.submit(self._detect, image).result()

    def _detect(self, image: Image) -> Found:
        self._started_s = time.monotonic()
        try:
            detections, times = self._parts.engine.detect(image)
        except EngineError:
            self._doubtful = True
            raise
        finally:
            self._started_s = None
        return detections, times, self._parts.engine.provider

    def check_health(self) -> None:
        """Asked by Ray Serve every few seconds; one that raises is replaced.

        After a run that failed the probes are replayed: an odd picture is no fault of the engine, a lost GPU is.

        Raises:
            EngineError: the engine hangs, or its probes no longer agree.
        """
        started_s = self._started_s
        if started_s is not None and time.monotonic() - started_s > self._stuck_s:
            raise self._stuck()
        if self._doubtful:
            try:
                self._thread.submit(self._parts.prove).result(timeout=self._stuck_s)  # behind the image in the engine
            except TimeoutError:
                raise self._stuck() from None
            self._doubtful = False

    def _stuck(self) -> EngineError:
        return EngineError(f"the engine has been busy with one image for more than {self._stuck_s:g} s")


def _stay_on_loopback() -> None:
    """Every replica opens a port for calls between deployments, which we have none of, on all networks (Ray 2.60).

    There is no setting for it, so the function that opens it, a moment after this, is told another address.
    """
    from ray.serve._private import replica

    open_port = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, address: open_port(server, address.replace("[::]", "127.0.0.1"))
