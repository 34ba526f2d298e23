"""Ready only when the bundle is verified, the engine warmed up, and its probes agree; said aloud, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lineproof.core.decode import Reduce, whole
from lineproof.inspector import Inspector
from lineproof.serve.errors import Refusal
from lineproof.serve.schemas import BundleFacts


class State(StrEnum):
    """Where a server stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading brings: the inspector, and what to tell about its bundle."""

    inspector: Inspector
    facts: BundleFacts
    threads: int = 2  # as many images as the engine profits from at once; two: one decodes while the other infers
    reduce: Reduce = whole  # how much smaller a JPEG may be decoded; not asked where images are recorded
    trouble: Callable[[], str] = lambda: ""  # why nothing can be inspected just now; must return at once


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state, and why it is not READY."""

    state: State
    reason: str = ""
    hint: str = ""
    error: BaseException | None = None  # what loading raised

    def refusal(self) -> Refusal:
        """The 503 of a server that is not ready."""
        return Refusal("not_ready", self.reason, hint=self.hint, headers={"Retry-After": "1"})


LOADING = Readiness(State.LOADING, "the bundle is being verified, warmed up and probed", "wait and ask again")
READY = Readiness(State.READY)
