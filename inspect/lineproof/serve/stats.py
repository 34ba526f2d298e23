"""What this server did, counted twice from one place: for `/v1/stats` and for Prometheus."""

from __future__ import annotations

import time
from collections import Counter, deque

import numpy as np

from lineproof.core import Decision, Inspection, StageTimes
from lineproof.serve.metrics import STAGES, Metrics
from lineproof.serve.schemas import StageStats

WINDOW = 2000  # inspections that the percentiles look back on
RATE_S = 60.0
RECENT = 0.1  # weight of the newest image in `busy_ms`


class Stats:
    """Counts and latencies since the start; event loop only."""

    def __init__(self, metrics: Metrics) -> None:
        """Start at zero."""
        self._metrics = metrics
        self._started_s = time.monotonic()
        self._times: deque[StageTimes] = deque(maxlen=WINDOW)
        self._finished_s: deque[float] = deque()
        self.decisions: Counter[str] = Counter({decision.value: 0 for decision in Decision})
        self.rejected: Counter[str] = Counter()
        self.busy_ms = 0.0  # how long one image keeps a worker busy, lately
        self.late = 0
        self.repeats = 0

    def inspected(self, inspection: Inspection) -> None:
        """One part has its decision."""
        decision = inspection.decision.value
        self.decisions[decision] += 1
        self._finished_s.append(time.monotonic())
        self._prune()
        self._metrics.decisions[decision].inc()
        if inspection.times_ms.judge > 0:  # a part that was never judged says nothing about the speed
            times = inspection.times_ms
            self._times.append(times)
            busy_ms = times.decode + times.preprocess + times.infer + times.postprocess + times.judge
            self.busy_ms += (busy_ms - self.busy_ms) * (RECENT if self.busy_ms else 1.0)
            for stage in STAGES:
                self._metrics.stages[stage].observe(getattr(times, stage) / 1000)

    def refused(self, code: str) -> None:
        """One request got an error."""
        self.rejected[code] += 1
        self._metrics.rejected[code].inc()

    def came_late(self) -> None:
        """A verdict came after its 504."""
        self.late += 1
        self._metrics.late.inc()

    def repeated(self) -> None:
        """A request got an inspection made before."""
        self.repeats += 1
        self._metrics.repeats.inc()

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_s

    def rate_per_s(self) -> float:
        """Inspections per second over the last minute, or since the start if that is shorter."""
        self._prune()
        return len(self._finished_s) / max(1.0, min(RATE_S, self.uptime_s))

    def stages_ms(self) -> dict[str, StageStats]:
        """Percentiles by stage over the last inspections; empty before the first."""
        if not self._times:
            return {}
        table = np.array([[getattr(times, stage) for stage in STAGES] for times in self._times])
        p50, p95, p99 = np.percentile(table, [50, 95, 99], axis=0)
        return {
            stage: StageStats(
                count=len(table),
                p50=round(float(p50[column]), 3),
                p95=round(float(p95[column]), 3),
                p99=round(float(p99[column]), 3),
                max=round(float(table[:, column].max()), 3),
            )
            for column, stage in enumerate(STAGES)
        }

    def _prune(self) -> None:
        oldest_s = time.monotonic() - RATE_S
        while self._finished_s and self._finished_s[0] < oldest_s:
            self._finished_s.popleft()
