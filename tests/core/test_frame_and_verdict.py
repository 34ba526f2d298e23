from __future__ import annotations

import numpy as np
import pytest

from builders import frame, inspection
from lineproof.core import Decision, Frame, Verdict
from lineproof.core.verdict import fault


@pytest.mark.parametrize("decision", [Decision.FAIL, Decision.REVIEW, Decision.FAULT])
def test_a_rejection_needs_a_reason(decision):
    with pytest.raises(ValueError, match="at least one reason"):
        Verdict(decision)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_a_frame_is_uint8_bgr_with_pixels(pixels):
    with pytest.raises(ValueError, match="expected"):
        Frame(pixels, "p", "s")


def test_size_is_width_then_height():
    assert frame().wh == (64, 48)


@pytest.mark.parametrize("times", [1, 2, 4, 8])
def test_a_reduced_frame_knows_the_size_of_its_picture(times):
    assert frame(reduction=times).wh == (64 * times, 48 * times)


@pytest.mark.parametrize("times", [0, -2, 3, 16])
def test_a_frame_is_reduced_as_a_jpeg_can_be(times):
    with pytest.raises(ValueError, match="expected 1, 2, 4 or 8"):
        frame(reduction=times)


def test_a_late_pass_becomes_a_fault_with_the_same_evidence():
    before = inspection()
    after = before.with_verdict(fault("deadline", "late"))
    assert (after.decision, after.inspection_id) == (Decision.FAULT, before.inspection_id)
    assert before.decision is Decision.PASS
    assert after.with_times(total=5.0).times_ms.total == 5.0
