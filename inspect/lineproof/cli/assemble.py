"""Where concrete parts meet: the one place that pairs a bundle's engine with a line's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lineproof.bundle.manifest import Manifest
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.bundle.proof_file import require_proof
from lineproof.core import Provenance
from lineproof.core.decode import Reduce, whole
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.engine.providers import GPU_PROVIDERS
from lineproof.engine.reducing import reduce_for
from lineproof.engine.regions import Region, RegionEngine
from lineproof.engine.tiling import CPU_BATCH, GPU_BATCH
from lineproof.inspector import Inspector
from lineproof.ports import Engine
from lineproof.rules.judge import Limit, at_zone_thresholds, compile_limits
from lineproof.rules.tolerance import Rules
from lineproof.rules.whole_frame import check_whole_frame

_CPU_ONLY = ("cpu", "openvino")


@dataclass(frozen=True, slots=True)
class Callers:
    """How many call the engine at once, and how long their images may gather to one run (GPU)."""

    at_once: int = 1
    max_batch: int = 1
    gather_s: float = 0.0


def bundle_limits(bundle: Bundle, rules: Rules) -> tuple[Limit, ...]:
    """A line's rules resolved against the operating point sealed in the bundle.

    Raises:
        SettingsError: a rule that cannot be meant for this bundle, such as an area of a classifier's whole frames.
    """
    manifest = bundle.manifest
    if manifest.task == "classify":
        check_whole_frame(rules)
    limits = compile_limits(rules, manifest.classes, manifest.operating_point, manifest.score_floor)
    return at_zone_thresholds(limits, _zone_thresholds(manifest, rules))


def _zone_thresholds(manifest: Manifest, rules: Rules) -> dict[str, Threshold]:
    """What the bundle says of zones: where the line draws them the same, and sets no threshold itself."""
    found = {}
    for name in manifest.classes:
        tolerance = rules.classes.get(name, rules.default)
        if tolerance.score is not None or tolerance.review_score is not None:
            continue
        for zone in tolerance.zones:
            own = manifest.zone_thresholds.get(f"{name}@{zone}")
            if own is not None and own.polygon == tuple(rules.zones[zone].polygon):
                found[f"{name}@{zone}"] = Threshold(own.score, own.review_score)
    return found


def reduce_of(bundle: Bundle, regions: Sequence[Region]) -> Reduce:
    """How much smaller JPEGs may be decoded: as the bundle has proven, and never where regions or tiles are seen in full."""
    return (
        whole if regions or bundle.manifest.tiles else reduce_for(bundle.manifest.input_wh, bundle.manifest.reductions)
    )


def ready_engine(
    bundle: Bundle,
    limits: tuple[Limit, ...],
    provider: str = "auto",
    *,
    threads: int | None = None,
    max_batch: int = 1,
    heat: bool = False,
) -> OnnxEngine:
    """An engine that is warmed up and has answered the bundle's probes as sealed; raises EngineError otherwise."""
    decisive_score = min((limit.review_score for limit in limits), default=None)
    engine = OnnxEngine.open(
        bundle, provider, threads, decisive_score=decisive_score, max_batch=max_batch, warm=not bundle.probes, heat=heat
    )
    replay_probes(engine, bundle)
    return engine


def open_inspector(
    bundle_path: Path,
    rules: Rules,
    provider: str = "auto",
    line_digest: str = "",
    *,
    regions: Sequence[Region] = (),
    proven_under: str = "",
    callers: Callers = Callers(),
    heat: bool = False,
) -> tuple[Inspector, Bundle]:
    """Open, verify, warm up, replay the probes; only then is there an inspector.

    With `heat`, which is for one caller, its engine is a `HeatEngine`. With `proven_under`, a digest of tolerances,
    raises GateError unless the bundle was proven under them.
    """
    bundle = open_bundle(bundle_path)
    if proven_under:
        require_proof(bundle, proven_under)
    limits = bundle_limits(bundle, rules)  # before the engine: a wrong rule is reported at once
    engine = _engine(bundle, limits, provider, regions, callers, heat=heat)
    provenance = Provenance(
        bundle_name=bundle.manifest.name,
        bundle_digest=bundle.digest,
        line_digest=line_digest,
        provider=engine.provider,
        model_input_wh=engine.input_wh,
    )
    return Inspector(engine, limits, provenance), bundle


def _engine(
    bundle: Bundle,
    limits: tuple[Limit, ...],
    provider: str,
    regions: Sequence[Region],
    callers: Callers,
    *,
    heat: bool = False,
) -> Engine:
    """The sealed engine, seeing the line's regions, in the shape that suits its callers and its hardware."""

    def seeing(engine: OnnxEngine) -> Engine:
        return RegionEngine(engine, regions) if regions else engine

    max_batch = most_at_once(provider, bundle, regions, callers.max_batch)
    wide = ready_engine(bundle, limits, provider, max_batch=max_batch, heat=heat)
    if callers.at_once == 1:
        return seeing(wide)
    if wide.provider not in GPU_PROVIDERS:
        from lineproof.engine.two_speed import TwoSpeedEngine

        return TwoSpeedEngine(seeing(wide), seeing(ready_engine(bundle, limits, provider, threads=1)))
    if callers.max_batch > 1 and not regions and not bundle.manifest.tiles:  # tiles fill the runs of one frame already
        from lineproof.engine.batching import BatchingEngine

        return BatchingEngine(wide, callers.max_batch, gather_s=callers.gather_s)
    return seeing(wide)


def most_at_once(provider: str, bundle: Bundle, regions: Sequence[Region], callers: int = 1) -> int:
    """Images in one run: of several callers, of regions, or the tiles of a frame.

    A batch gains nothing on a CPU, where an open batch dimension costs a little: there, images run one by one. Tiles are
    many and small: a few at a time save what each run costs besides.
    """
    if provider in _CPU_ONLY or not _has_gpu():
        return CPU_BATCH if bundle.manifest.tiles else 1
    return max(callers, len(regions), GPU_BATCH if bundle.manifest.tiles else 1)


def _has_gpu() -> bool:
    """Whether the installed onnxruntime could use one."""
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
