"""Figures of one split: of a sealed bundle, through the runtime engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lineproof.adapt.ladder.cost import log_odds
from lineproof.adapt.ladder.figures import PartMargins, SplitFigures
from lineproof.adapt.ladder.resample import draw_groups
from lineproof.bundle.manifest import Task
from lineproof.bundle.open import Bundle
from lineproof.core import Detections, Sample
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.average_precision import Scored, known_figure
from lineproof.proof.evaluate import Evaluation, detect_all, evaluate
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

MAP_DRAWS = 100  # 2 to 8 seconds a trial on a few hundred images; the standard error of a bootstrap needs no more


def measure(bundle: Bundle, samples: Sequence[Sample], seed: str, *, threads: int | None = None) -> SplitFigures:
    """Detect, decide at the sealed thresholds, and count; `seed` names the split, so that all trials draw alike."""
    manifest = bundle.manifest
    found = detect_all(OnnxEngine.open(bundle, "cpu", threads), samples)
    limits = compile_limits(Rules(), manifest.classes, manifest.operating_point, manifest.score_floor)
    scores = [manifest.operating_point[name].score for name in manifest.classes]
    evaluation = evaluate(samples, found, manifest.classes, limits)
    figures = figures_of(evaluation, samples, found, scores, manifest.task)
    if manifest.task == "classify":
        return figures
    masks = manifest.task == "segment" and evaluation.masks is not None
    return figures.model_copy(update={"map_drawn": _drawn(samples, found, manifest.classes, seed, masks=masks)})


def figures_of(
    evaluation: Evaluation,
    samples: Sequence[Sample],
    found: Sequence[Detections],
    scores: Sequence[float],
    task: Task,
) -> SplitFigures:
    """What is kept of an evaluation; `scores` are the thresholds by class id, and nothing is drawn anew."""
    localises = task != "classify"  # a classifier's full-frame boxes overlap no defect
    precision = evaluation.masks if task == "segment" and evaluation.masks else evaluation.boxes
    rates = evaluation.rates
    return SplitFigures(
        images=evaluation.images,
        groups=evaluation.groups,
        map50=known_figure(precision.ap50) if localises else None,
        map50_95=known_figure(precision.ap50_95) if localises else None,
        escapes=(rates.escape.count, rates.escape.of),
        overkill=(rates.overkill.count, rates.overkill.of),
        parts=parts_of(samples, found, scores),
    )


def parts_of(samples: Sequence[Sample], found: Sequence[Detections], thresholds: Sequence[float]) -> PartMargins:
    """Each part's strongest detection, in log-odds above the threshold of its class."""
    odds = np.array([log_odds(threshold) for threshold in thresholds])
    margins = []
    for detections in found:
        above = [log_odds(float(s)) - odds[c] for s, c in zip(detections.score, detections.class_id, strict=True)]
        margins.append(round(float(max(above)), 6) if above else None)
    return PartMargins(
        group=tuple(sample.group for sample in samples),
        bad=tuple(not sample.ok for sample in samples),
        margin=tuple(margins),
    )


def _drawn(
    samples: Sequence[Sample], found: Sequence[Detections], classes: Sequence[str], seed: str, *, masks: bool
) -> tuple[float | None, ...]:
    """mAP50-95 on groups drawn anew, MAP_DRAWS times."""
    counts, group_of = draw_groups([sample.group for sample in samples], MAP_DRAWS, seed)
    scored = Scored.of(samples, found, masks=masks)
    figures = []
    for times in counts:
        rows = np.repeat(np.arange(len(samples)), times[group_of]).tolist()
        figures.append(known_figure(scored.precision(classes, rows).ap50_95))
    return tuple(None if value is None else round(value, 6) for value in figures)
