"""Latencies of the trials of a round, measured in turns on this machine with nothing else running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lineproof.adapt.export_wish import ExportWish
from lineproof.adapt.ladder.figures import TrialResult
from lineproof.adapt.latency import Latency, race
from lineproof.adapt.network import read_safetensors
from lineproof.adapt.run_folder import RunFolder
from lineproof.adapt.sealing import SCORE_FLOOR, export_trained
from lineproof.bundle.open import open_bundle
from lineproof.core.decode import read_image
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.engine.onnx_engine import OnnxEngine

_IMAGES = 20
_ROUNDS = 60


def clock_trials(
    results: Mapping[str, TrialResult], dataset: Dataset, provider: str, *, threads: int | None = None
) -> dict[str, Latency]:
    """Milliseconds from image to detections of each trial, through the runtime engine, over the same images.

    Of a trial that was not sealed what would be sealed is exported for this, and not kept.
    """
    if not results:
        return {}
    engines = [_engine(result, dataset, provider, threads) for result in results.values()]
    images = [read_image(sample.image) for sample in samples_of(dataset, "val")[:_IMAGES]]
    return dict(zip(results, race(engines, images, rounds=_ROUNDS), strict=True))


def _engine(result: TrialResult, dataset: Dataset, provider: str, threads: int | None) -> OnnxEngine:
    if result.bundle:
        return OnnxEngine.open(open_bundle(Path(result.bundle)), provider, threads)
    folder = RunFolder.existing(Path(result.run))
    network = read_safetensors(folder.best).network()
    exported = export_trained(network, dataset, folder.read().recipe, ExportWish())
    return OnnxEngine.from_model(exported.onnx, exported.spec(SCORE_FLOOR), provider, threads)
