"""What a line has done: counts for good, latencies over the last 10 000 parts."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lineproof.core import Decision, Inspection, StageTimes

RING = 10_000
RATE_WINDOW_S = 10.0
RECENT = 8
# `age` runs from grab to the moment the answer is sent, FAULTs included; the others are of inspected parts.
STAGES = (*(field.name for field in fields(StageTimes)), "signal", "age")


class Ring:
    """The last `size` numbers, and the largest ever."""

    def __init__(self, size: int = RING) -> None:
        self._values = np.zeros(size, np.float64)
        self._count = 0
        self.largest = 0.0

    def add(self, value: float) -> None:
        """Keep one more, forget the oldest."""
        self._values[self._count % len(self._values)] = value
        self._count += 1
        self.largest = max(self.largest, value)

    def values(self) -> NDArray[np.float64]:
        """A copy of what is kept, in no order."""
        return self._values[: min(self._count, len(self._values))].copy()


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds: percentiles of the last parts, and the maximum of all."""

    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the list of last decisions."""

    part_id: str
    decision: Decision
    why: str
    age_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures at one moment, for screens and the summary."""

    seconds: float
    parts: int
    rate_hz: float  # over the last seconds
    mean_rate_hz: float
    pass_yield: float | None  # None before the first part
    decisions: dict[str, int]
    faults: dict[str, int]  # FAULTs by rule
    stages_ms: dict[str, Spread]
    late: int  # answered FAULT because no verdict was there in time
    late_verdicts: int  # of these, verdicts that came afterwards
    late_sends: int  # the verdict was in time, the sending of it was not
    signal_failures: int
    record_failures: int
    recent: tuple[Answer, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON; the last decisions are for screens and left out."""
        facts = asdict(self)
        del facts["recent"]
        return facts


class LineStats:
    """Written by the loop, read by screens from other threads."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._started_ns = clock_ns()
        self._ended_ns: int | None = None
        self._decisions: Counter[Decision] = Counter()
        self._faults: Counter[str] = Counter()
        self._rings = {stage: Ring() for stage in STAGES}
        self._answered_s = Ring()
        self._recent: deque[Answer] = deque(maxlen=RECENT)
        self.late = 0
        self.late_verdicts = 0
        self.late_sends = 0
        self.signal_failures = 0
        self.record_failures = 0

    @property
    def parts(self) -> int:
        """Parts answered."""
        return self._decisions.total()

    def answered(self, inspection: Inspection, *, age_ms: float, signal_ms: float) -> None:
        """One part has its answer."""
        reasons = inspection.verdict.reasons
        with self._lock:
            self._decisions[inspection.decision] += 1
            if inspection.decision is Decision.FAULT:
                self._faults[reasons[0].rule] += 1
            if inspection.times_ms.judge > 0:  # it was inspected
                self._keep_times(inspection.times_ms)
            self._rings["signal"].add(signal_ms)
            self._rings["age"].add(age_ms)
            self._answered_s.add((self._clock_ns() - self._started_ns) / 1e9)
            self._recent.append(
                Answer(inspection.part_id, inspection.decision, reasons[0].text if reasons else "", age_ms)
            )

    def end(self) -> None:
        """The line has stopped: rates no longer sink."""
        self._ended_ns = self._clock_ns()

    def snapshot(self) -> Snapshot:
        """The figures now; the loop is held up for the copying only."""
        with self._lock:
            seconds = ((self._ended_ns or self._clock_ns()) - self._started_ns) / 1e9
            decisions, faults, recent = dict(self._decisions), dict(self._faults), tuple(self._recent)
            rings = {stage: (ring.values(), ring.largest) for stage, ring in self._rings.items()}
            answered_s = self._answered_s.values()
        parts = sum(decisions.values())
        window_s = max(min(RATE_WINDOW_S, seconds), 1e-9)
        return Snapshot(
            seconds=seconds,
            parts=parts,
            rate_hz=float(np.count_nonzero(answered_s > seconds - window_s)) / window_s,
            mean_rate_hz=parts / max(seconds, 1e-9),
            pass_yield=decisions.get(Decision.PASS, 0) / parts if parts else None,
            decisions={decision.value: decisions.get(decision, 0) for decision in Decision},
            faults=faults,
            stages_ms={stage: spread(values, largest) for stage, (values, largest) in rings.items() if values.any()},
            late=self.late,
            late_verdicts=self.late_verdicts,
            late_sends=self.late_sends,
            signal_failures=self.signal_failures,
            record_failures=self.record_failures,
            recent=recent,
        )

    def _keep_times(self, times: StageTimes) -> None:
        for stage, value in asdict(times).items():
            self._rings[stage].add(value)


def spread(values: NDArray[np.float64], largest: float) -> Spread:
    """Percentiles of at least one value."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return Spread(round(float(p50), 3), round(float(p95), 3), round(float(p99), 3), round(largest, 3))
