"""Where concrete parts meet: the one place that pairs a bundle's engine with a line's rules."""

from __future__ import annotations

from pathlib import Path

from lineproof.bundle.open import Bundle, open_bundle
from lineproof.core import Provenance
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.probes import replay_probes
from lineproof.inspector import Inspector
from lineproof.rules.judge import Limit, compile_limits
from lineproof.rules.tolerance import Rules


def bundle_limits(bundle: Bundle, rules: Rules) -> tuple[Limit, ...]:
    """A line's rules resolved against the operating point sealed in the bundle."""
    manifest = bundle.manifest
    return compile_limits(rules, manifest.classes, manifest.operating_point, manifest.score_floor)


def ready_engine(bundle: Bundle, limits: tuple[Limit, ...], provider: str = "auto") -> OnnxEngine:
    """An engine that is warmed up and has answered the bundle's probes as sealed; raises EngineError otherwise."""
    decisive_score = min((limit.review_score for limit in limits), default=None)
    engine = OnnxEngine.open(bundle, provider=provider, decisive_score=decisive_score)
    replay_probes(engine, bundle)
    return engine


def open_inspector(
    bundle_path: Path, rules: Rules, provider: str = "auto", line_digest: str = ""
) -> tuple[Inspector, Bundle]:
    """Open, verify, warm up, replay the probes; only then is there an inspector."""
    bundle = open_bundle(bundle_path)
    limits = bundle_limits(bundle, rules)  # before the engine: a wrong rule is reported at once
    engine = ready_engine(bundle, limits, provider)
    provenance = Provenance(
        bundle_name=bundle.manifest.name,
        bundle_digest=bundle.digest,
        line_digest=line_digest,
        provider=engine.provider,
        model_input_wh=engine.input_wh,
    )
    return Inspector(engine, limits, provenance), bundle
