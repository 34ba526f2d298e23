"""An inspection that went through the engine's pipe is the one that was made there."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from builders import PROVENANCE, detections, frame
from lineproof.core import Detections, Inspection
from lineproof.core.threshold import Threshold
from lineproof.core.verdict import fault
from lineproof.engine.scripted import ScriptedEngine
from lineproof.inspector import Inspector
from lineproof.line.engine_room.events import Decides
from lineproof.line.engine_room.report import Report
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

CLASSES = ("scratch", "dent")
LIMITS = compile_limits(Rules(), CLASSES, dict.fromkeys(CLASSES, Threshold(0.5, 0.3)), 0.01)


def same(one: object, other: object) -> bool:
    if isinstance(one, Detections):
        columns = all(np.array_equal(getattr(one, c), getattr(other, c)) for c in ("xyxy", "score", "class_id"))
        masks = (one.masks is None) == (other.masks is None) and all(
            (a.x, a.y) == (b.x, b.y) and np.array_equal(a.bitmap, b.bitmap)
            for a, b in zip(one.masks or (), other.masks or (), strict=True)
        )
        return columns and masks
    return one == other


def assert_arrives(made: Inspection, given) -> None:
    got = Report.of(made).inspection(given, Decides(PROVENANCE, CLASSES))
    for fact in fields(Inspection):
        assert same(getattr(made, fact.name), getattr(got, fact.name)), fact.name
    if got.detections.masks is not None:
        assert not any(mask.bitmap.flags.writeable for mask in got.detections.masks)


@pytest.mark.parametrize(
    "found",
    [
        Detections.empty(),
        Detections.empty(with_masks=True),
        detections((5, 6, 30, 20, 0.9, 1), (1, 2, 3, 4, 0.4, 0)),
        detections((5, 6, 30, 20, 0.9, 1), (1, 2, 8, 9, 0.2, 0), masks=True),
    ],
)
def test_every_fact_of_an_inspection_arrives(found):
    given = frame("p7", view="left", origin="7.png", reduction=1 if found.masks is not None else 2, camera_ns=5)
    inspector = Inspector(ScriptedEngine(CLASSES, [found]), LIMITS, PROVENANCE)
    assert_arrives(inspector.inspect(given), given)


def test_a_fault_arrives_with_its_reason():
    given = frame("p8")
    inspector = Inspector(ScriptedEngine(CLASSES), LIMITS, PROVENANCE)
    assert_arrives(inspector.faulted(given, fault("engine", "the GPU is lost")), given)
