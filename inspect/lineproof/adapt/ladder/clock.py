"""Latencies of the bundles of a round, measured in turns on this machine with nothing else running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lineproof.adapt.ladder.figures import TrialResult
from lineproof.adapt.latency import Latency, race
from lineproof.bundle.open import open_bundle
from lineproof.core import Sample
from lineproof.core.decode import read_image
from lineproof.engine.onnx_engine import OnnxEngine

_IMAGES = 20
_ROUNDS = 60


def clock_bundles(
    results: Mapping[str, TrialResult], samples: list[Sample], provider: str, *, threads: int | None = None
) -> dict[str, Latency]:
    """Milliseconds from image to detections of each bundle, through the runtime engine, over the same images."""
    if not results:
        return {}
    engines = [OnnxEngine.open(open_bundle(Path(r.bundle)), provider, threads) for r in results.values()]
    images = [read_image(sample.image) for sample in samples[:_IMAGES]]
    return dict(zip(results, race(engines, images, rounds=_ROUNDS), strict=True))
