"""The gate before sealing: the runtime engine must say what torch and scikit-learn say, on every validation image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineproof.adapt.classify.classifier import Classifier
from lineproof.adapt.export import Exported
from lineproof.adapt.features import Backbone
from lineproof.bundle.manifest import ParityReport
from lineproof.core import Detections
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.engine.classify import whole_frame
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import ParityError
from lineproof.rules.judge import compile_limits, judge
from lineproof.rules.tolerance import Rules

TOLERANCE = 1e-3  # of a probability


def check_classifier_parity(
    exported: Exported,
    backbone: Backbone,
    classifier: Classifier,
    images: Sequence[Path],
    thresholds: Mapping[str, Threshold],
    score_floor: float,
) -> ParityReport:
    """Compare every probability, and the decisions at the thresholds the bundle will carry.

    Raises:
        ParityError: a probability is off by more than 0.001, or a decision differs; names the image.
    """
    engine = OnnxEngine.from_model(exported.onnx, exported.spec(0.0), "cpu")
    limits = compile_limits(Rules(), classifier.classes, dict(thresholds), score_floor)
    worst, flips, floor_matches, alone = 0.0, 0, 0, [0, 0]
    problems: list[str] = []
    for path in images:
        pixels = read_image(path)
        fitted = classifier.probabilities(backbone.pooled([pixels]))[0].astype(np.float32)
        sealed = by_class(engine.detect(pixels)[0], len(classifier.classes))
        difference = float(np.abs(fitted - sealed).max())
        worst = max(worst, difference)
        kept_fitted, kept_sealed = fitted >= score_floor, sealed >= score_floor
        floor_matches += int((kept_fitted & kept_sealed).sum())
        alone[0] += int((kept_fitted & ~kept_sealed).sum())
        alone[1] += int((kept_sealed & ~kept_fitted).sum())
        if difference > TOLERANCE:
            problems.append(f"{path.name}: a probability is off by {difference:.4f}, allowed {TOLERANCE}")
        frame_wh = (pixels.shape[1], pixels.shape[0])
        expected, got = (judge(whole_frame(each, frame_wh, score_floor), limits).decision for each in (fitted, sealed))
        if expected is not got:
            flips += 1
            problems.insert(0, f"{path.name}: the fitted classifier decides {expected}, the engine {got}")
    if problems:
        more = f" (and {len(problems) - 1} more differences)" if len(problems) > 1 else ""
        raise ParityError(
            f"the exported classifier is not the fitted one: {problems[0]}{more}",
            hint="nothing was sealed; fit again, and report it when it stays",
        )
    return ParityReport(
        images=len(images),
        matched=floor_matches,
        unmatched_trained=alone[0],
        unmatched_runtime=alone[1],
        max_box_difference_px=0.0,
        max_score_difference=worst,
        decision_flips=flips,
    )


def by_class(found: Detections, count: int) -> NDArray[np.float32]:
    """Probabilities `(C,)` in class order from an engine without a floor."""
    probabilities = np.zeros(count, np.float32)
    probabilities[found.class_id] = found.score
    return probabilities
