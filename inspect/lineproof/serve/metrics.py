"""Prometheus: a registry of our own, every series there from the start, and none per part."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from lineproof.core import Decision
from lineproof.serve.errors import CODES
from lineproof.serve.schemas import BundleFacts

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Seconds: letterbox and NMS take fractions of a millisecond, an overloaded CPU several seconds.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STAGES = ("decode", "wait", "preprocess", "infer", "postprocess", "judge", "total")


class Metrics:
    """The series of one server."""

    def __init__(self) -> None:
        """Create every series at zero, so that rates are right from the first scrape."""
        registry = CollectorRegistry()
        self._registry = registry
        ProcessCollector(registry=registry)
        decisions = Counter("lineproof_inspections", "Inspections by decision.", ["decision"], registry=registry)
        stages = Histogram(
            "lineproof_stage_seconds", "Time by stage of an inspection.", ["stage"], buckets=_BUCKETS, registry=registry
        )
        rejected = Counter("lineproof_rejected", "Refused requests by error code.", ["code"], registry=registry)
        self.decisions = {decision.value: decisions.labels(decision.value) for decision in Decision}
        self.stages = {stage: stages.labels(stage) for stage in STAGES}
        self.rejected = {code: rejected.labels(code) for code in CODES}
        self.late = Counter("lineproof_late", "Verdicts that came after their 504.", registry=registry)
        self.repeats = Counter("lineproof_repeats", "Requests answered with an earlier inspection.", registry=registry)
        self._queue = Gauge("lineproof_queue_depth", "Images waiting for the engine.", registry=registry)
        self._ready = Gauge("lineproof_ready", "1 when inspections are answered.", registry=registry)
        self._bundle = Info("lineproof_bundle", "What decides.", registry=registry)

    def watch(self, *, queue_depth: Callable[[], int], ready: Callable[[], bool]) -> None:
        """Ask for these at every scrape."""
        self._queue.set_function(queue_depth)
        self._ready.set_function(ready)

    def name_bundle(self, facts: BundleFacts) -> None:
        """Say which bundle runs, and on what."""
        self._bundle.info({"name": facts.name, "digest": facts.digest, "provider": facts.provider})

    def text(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)
