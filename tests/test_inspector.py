"""The one path: what is found on a reduced frame is judged and told in pixels of the picture as it was taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PROVENANCE, detections, frame, image
from lineproof.core import Decision, Detections
from lineproof.core.threshold import Threshold
from lineproof.engine.scripted import ScriptedEngine
from lineproof.inspector import Inspector
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules

CLASSES = ("scratch",)


def inspector(found: Detections, rules: Rules | None = None) -> Inspector:
    limits = compile_limits(rules or Rules(), CLASSES, {"scratch": Threshold(0.5, 0.3)}, 0.01)
    return Inspector(ScriptedEngine(CLASSES, otherwise=found), limits, PROVENANCE)


@given(st.lists(st.floats(0, 700, width=32), min_size=4, max_size=4), st.sampled_from([1, 2, 4, 8]))
def test_boxes_of_a_reduced_frame_are_exact_in_the_whole_picture(box, times):
    found = detections((*box, 0.9, 0))
    told = inspector(found).inspect(frame(image=image(160, 120), reduction=times))
    assert told.image_wh == (160 * times, 120 * times)
    assert np.array_equal(told.detections.xyxy.astype(np.float64), found.xyxy.astype(np.float64) * times)
    assert np.array_equal(told.detections.score, found.score)


def test_a_tolerance_counts_pixels_of_the_whole_picture():
    rules = Rules.model_validate({"classes": {"scratch": {"min_area_px2": 300}}})
    found = detections((0, 0, 10, 10, 0.9, 0))  # 100 px² here, 400 px² there
    assert inspector(found, rules).inspect(frame()).decision is Decision.PASS
    assert inspector(found, rules).inspect(frame(reduction=2)).decision is Decision.FAIL


def test_masks_of_a_reduced_frame_are_an_error():
    found = detections((0, 0, 10, 10, 0.9, 0), masks=True)
    assert inspector(found).inspect(frame()).detections.masks is not None
    with pytest.raises(ValueError, match="masks cannot be magnified"):
        inspector(found).inspect(frame(reduction=2))


def test_a_faulted_part_has_the_size_of_its_picture():
    verdict = inspector(detections((0, 0, 9, 9, 0.9, 0))).inspect(frame()).verdict
    assert inspector(Detections.empty()).faulted(frame(reduction=4), verdict).image_wh == (256, 192)
