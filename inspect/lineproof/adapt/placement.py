"""Where boxes lie: at the surest one's place, or at the mean of those it stands for; the validation images say which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lineproof.adapt.export import Exported
from lineproof.core import Detections, Sample
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.average_precision import average_precision
from lineproof.proof.evaluate import detect_all


@dataclass(frozen=True, slots=True)
class Placed:
    """An export that places its boxes so, and what it finds on the validation images."""

    exported: Exported
    engine: OnnxEngine
    found: list[Detections]
    ap50_95: float  # of the boxes; nan without truth

    @classmethod
    def of(cls, exported: Exported, samples: Sequence[Sample], score_floor: float) -> Placed:
        """Measure one of the two ways."""
        engine = OnnxEngine.from_model(exported.onnx, exported.spec(score_floor), "cpu")
        found = detect_all(engine, samples)
        return cls(exported, engine, found, average_precision(samples, found, exported.classes).ap50_95)

    def __str__(self) -> str:
        place = "at the mean of those they stand for" if self.exported.averaged else "where the surest does"
        return f"boxes lie {place}, mAP50-95 {self.ap50_95:.3f}"


def better_placed(exported: Exported, samples: Sequence[Sample], score_floor: float) -> tuple[Placed, Placed]:
    """Both ways, the better one first; the surest box's own place unless the mean is better.

    Defects without sharp ends (rolled scale, patches) gain from the mean, sharp ones (the edge of a break) lose.
    """
    surest, mean = (Placed.of(replace(exported, averaged=averaged), samples, score_floor) for averaged in (False, True))
    return (mean, surest) if mean.ap50_95 > surest.ap50_95 else (surest, mean)
