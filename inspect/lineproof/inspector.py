"""The one path from pixels to a verdict, used by the loop, HTTP, replay, proof and studio."""

from __future__ import annotations

import time
from dataclasses import replace

from lineproof.core import Detections, Frame, Inspection, Provenance, StageTimes, Verdict
from lineproof.ports import Engine
from lineproof.rules.judge import Limit, judge


class Inspector:
    """Pairs an engine with the limits of a line; nobody else does."""

    def __init__(self, engine: Engine, limits: tuple[Limit, ...], provenance: Provenance) -> None:
        """Take finished parts; `cli` and tests put them together."""
        self.engine = engine
        self.limits = limits
        self.provenance = provenance

    def inspect(self, frame: Frame) -> Inspection:
        """Detect, judge, and say how long each took; raises EngineError when the run failed."""
        started_ns = time.monotonic_ns()
        found, times = self.engine.detect(frame.image)
        detections = found.magnify(frame.reduction)
        detected_ns = time.monotonic_ns()
        verdict = judge(detections, self.limits)
        done_ns = time.monotonic_ns()
        times = replace(
            times,
            wait=max(0.0, (started_ns - frame.grabbed_ns) / 1e6),
            judge=(done_ns - detected_ns) / 1e6,
            total=max(0.0, (done_ns - frame.grabbed_ns) / 1e6),
        )
        return self._about(frame, verdict, detections, times)

    def faulted(self, frame: Frame, verdict: Verdict) -> Inspection:
        """The FAULT inspection of a frame that could not be inspected."""
        inspection = self._about(frame, verdict, Detections.empty(), StageTimes())
        return inspection.with_times(total=max(0.0, (time.monotonic_ns() - frame.grabbed_ns) / 1e6))

    def missed(self, part_id: str, source_id: str, verdict: Verdict, *, view: str = "main") -> Inspection:
        """The FAULT inspection of a part of which no frame was had."""
        return Inspection(
            part_id=part_id,
            view=view,
            source_id=source_id,
            verdict=verdict,
            detections=Detections.empty(),
            classes=self.engine.classes,
            provenance=self.provenance,
        )

    def _about(self, frame: Frame, verdict: Verdict, detections: Detections, times: StageTimes) -> Inspection:
        return Inspection(
            part_id=frame.part_id,
            view=frame.view,
            source_id=frame.source_id,
            verdict=verdict,
            detections=detections,
            classes=self.engine.classes,
            provenance=self.provenance,
            times_ms=times,
            image_wh=frame.wh,
            origin=frame.origin,
            grabbed_at=frame.grabbed_at,
            grabbed_ns=frame.grabbed_ns,
        )
