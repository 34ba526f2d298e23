"""What a station has done: counts for good, times over the last parts."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from lineproof.core.station import Outcome, PartResult
from lineproof.line.conduct.papers import Papers
from lineproof.line.stats import Ring, Spread, spread


@dataclass(frozen=True, slots=True)
class StationFigures:
    """At one moment."""

    parts: int
    outcomes: dict[str, int]
    causes: dict[str, int]  # answers that are no inspection, by the rule that spoke
    latency_ms: Spread | None  # trigger to result, of inspected parts
    engine_ms: Spread | None  # of the same parts: preprocessing to verdict, the slowest view


class StationTally:
    """Written by the decision loop, read by screens from other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[Outcome] = Counter()
        self._causes: Counter[str] = Counter()
        self._latency, self._engine = Ring(), Ring()
        self.last: PartResult | None = None

    @property
    def parts(self) -> int:
        """Triggers answered."""
        return self._outcomes.total()

    def answered(self, result: PartResult, papers: Papers) -> None:
        """One trigger has its answer."""
        self.last = result
        with self._lock:
            self._outcomes[result.outcome] += 1
            if result.outcome in (Outcome.ERROR, Outcome.MISSED):
                self._causes[result.reasons[0].rule] += 1
                return
            self._latency.add(result.latency_ms)
            times = [inspection.times_ms for inspection in papers.inspections.values()]
            self._engine.add(max(t.preprocess + t.infer + t.postprocess + t.judge for t in times))

    def figures(self) -> StationFigures:
        """A copy of everything."""
        with self._lock:
            outcomes, causes = Counter(self._outcomes), dict(self._causes)
            latency, engine = self._latency.values(), self._engine.values()
            largest = self._latency.largest, self._engine.largest
        return StationFigures(
            parts=outcomes.total(),
            outcomes={outcome.value: outcomes[outcome] for outcome in Outcome},
            causes=causes,
            latency_ms=spread(latency, largest[0]) if len(latency) else None,
            engine_ms=spread(engine, largest[1]) if len(engine) else None,
        )
