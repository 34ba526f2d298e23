"""Replay a bundle's probes on this machine: the engine is not ready until they come out as sealed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lineproof.bundle.open import Bundle
from lineproof.bundle.probes import Probe, ProbeTolerance, decide
from lineproof.core import Detections
from lineproof.core.boxes import box_iou
from lineproof.core.masks import mask_iou
from lineproof.engine.pairing import pair_detections
from lineproof.errors import EngineError
from lineproof.ports import Engine


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """How near this machine came to the machine that sealed the bundle."""

    probes: int
    detections: int  # compared
    max_score_difference: float = 0.0
    min_box_iou: float = 1.0


def replay_probes(engine: Engine, bundle: Bundle) -> ProbeReport:
    """Run every probe and compare.

    Raises:
        EngineError: a detection that counts is missing, new, elsewhere or differently sure, or a decision differs.
            Detections below every review threshold cannot reject a part and are not held against the machine.
    """
    report = ProbeReport(probes=len(bundle.probes), detections=0)
    for probe in bundle.probes:
        actual, _ = engine.detect(probe.image)
        report = _compare(probe, actual, bundle, report)
    return report


def _compare(probe: Probe, actual: Detections, bundle: Bundle, report: ProbeReport) -> ProbeReport:
    expected, tolerance = probe.expected, bundle.tolerance
    limits, classes = bundle.manifest.operating_point, bundle.manifest.classes
    review = np.array([limits[name].review_score for name in classes], np.float32)
    pairs = pair_detections(expected, actual, min_iou=0.5)
    _check_none_alone(probe, expected, {row for row, _ in pairs}, "lost", review + tolerance.score)
    _check_none_alone(probe, actual, {row for _, row in pairs}, "adds", review + tolerance.score)
    for row, partner in pairs:
        if expected.score[row] >= review[expected.class_id[row]]:
            report = _measured(probe, row, actual, partner, tolerance, report)
    possible = {decide(_surer(expected, by), limits, classes) for by in (-tolerance.score, 0.0, tolerance.score)}
    decision = decide(actual, limits, classes)
    if decision not in possible:
        raise _not_ready(probe, f"decides {decision}, sealed as {decide(expected, limits, classes)}")
    return report


def _check_none_alone(
    probe: Probe, detections: Detections, paired: set[int], verb: str, least_score: NDArray[np.float32]
) -> None:
    for row in set(range(len(detections))) - paired:
        score = float(detections.score[row])
        if score >= least_score[detections.class_id[row]]:
            raise _not_ready(probe, f"{verb} a detection of score {score:.2f}")


def _measured(
    probe: Probe, row: int, actual: Detections, partner: int, tolerance: ProbeTolerance, report: ProbeReport
) -> ProbeReport:
    """The report with one more pair in it; raises EngineError when the two differ too much."""
    expected = probe.expected
    score_difference = abs(float(expected.score[row]) - float(actual.score[partner]))
    overlap = float(box_iou(expected.xyxy[row : row + 1], actual.xyxy[partner : partner + 1])[0, 0])
    if score_difference > tolerance.score:
        raise _not_ready(probe, f"a score is off by {score_difference:.3f}, allowed {tolerance.score}")
    if overlap < tolerance.box_iou:
        raise _not_ready(probe, f"a box overlaps its sealed one by {overlap:.2f}, needed {tolerance.box_iou}")
    if expected.masks is not None and actual.masks is not None:
        same = mask_iou(expected.masks[row], actual.masks[partner])
        if same < tolerance.mask_iou:
            raise _not_ready(probe, f"a mask overlaps its sealed one by {same:.2f}, needed {tolerance.mask_iou}")
    return replace(
        report,
        detections=report.detections + 1,
        max_score_difference=max(report.max_score_difference, score_difference),
        min_box_iou=min(report.min_box_iou, overlap),
    )


def _surer(detections: Detections, by: float) -> Detections:
    return replace(detections, score=np.clip(detections.score + np.float32(by), 0, 1))


def _not_ready(probe: Probe, why: str) -> EngineError:
    return EngineError(
        f"not ready: on the probe {probe.name} this machine {why}",
        hint="update the GPU driver and onnxruntime, try provider: cpu, or export the bundle on this hardware",
    )
