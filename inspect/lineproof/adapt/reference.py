"""What fp32 on the CPU finds and decides on the validation images: the measure of every other precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineproof.adapt.export import Exported
from lineproof.core import Decision, Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.evaluate import Evaluation, detect_all, evaluate
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules


class Reference:
    """Detections and decisions of the fp32 export at the thresholds the bundle will carry."""

    def __init__(
        self,
        exported: Exported,
        samples: Sequence[Sample],
        thresholds: Mapping[str, Threshold],
        score_floor: float,
    ) -> None:
        """Run the export over the samples."""
        self.exported = exported
        self.samples = samples
        self.spec = exported.spec(score_floor)
        self._limits = compile_limits(Rules(), exported.classes, dict(thresholds), score_floor)
        self._decisions = self._decided(self.found(self.engine(exported, "cpu")))

    def engine(self, exported: Exported, provider: str, threads: int | None = None) -> OnnxEngine:
        """The runtime engine for an export at any precision."""
        return OnnxEngine.from_model(exported.onnx, exported.spec(self.spec.score_floor), provider, threads)

    def found(self, engine: OnnxEngine) -> list[Detections]:
        """What an engine finds on the samples."""
        return detect_all(engine, self.samples)

    def flipped(self, found: Sequence[Detections]) -> tuple[str, ...]:
        """Names of the images that these detections decide otherwise."""
        rows = zip(self.samples, self._decisions, self._decided(found), strict=True)
        return tuple(sample.image.name for sample, before, after in rows if before is not after)

    def evaluation(self, found: Sequence[Detections]) -> Evaluation:
        """Figures of these detections against truth."""
        return evaluate(self.samples, found, self.exported.classes, self._limits)

    def _decided(self, found: Sequence[Detections]) -> list[Decision]:
        return [judge(detections, self._limits).decision for detections in found]
