"""Everything known about one inspection of one part: what goes to signals, records, screens and callers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lineproof.core.detections import Detections
from lineproof.core.verdict import Decision, Verdict


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds spent in each stage, by the monotonic clock; `total` runs from grab (or request) to verdict."""

    decode: float = 0.0
    wait: float = 0.0  # between grab and start of the inspection
    preprocess: float = 0.0
    infer: float = 0.0
    postprocess: float = 0.0
    judge: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """What decided: bundle, line file and the hardware provider that was really used."""

    bundle_name: str
    bundle_digest: str  # sha256, hex
    line_digest: str  # sha256 of the line file, hex; "" when there is none
    provider: str
    model_input_wh: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """One verdict with its evidence."""

    part_id: str
    view: str
    source_id: str
    verdict: Verdict
    detections: Detections
    classes: tuple[str, ...]
    provenance: Provenance
    times_ms: StageTimes = StageTimes()
    image_wh: tuple[int, int] = (0, 0)  # (0, 0) when no frame was had
    origin: str = ""
    grabbed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    grabbed_ns: int = field(default_factory=time.monotonic_ns)  # the same moment by the clock that never jumps
    inspection_id: str = field(default_factory=lambda: os.urandom(16).hex())

    @property
    def decision(self) -> Decision:
        """The verdict's decision."""
        return self.verdict.decision

    def with_verdict(self, verdict: Verdict) -> Inspection:
        """The same evidence under another verdict (a late PASS becomes a FAULT)."""
        return replace(self, verdict=verdict)

    def with_times(self, **times_ms: float) -> Inspection:
        """The same inspection with some stage times filled in."""
        return replace(self, times_ms=replace(self.times_ms, **times_ms))
