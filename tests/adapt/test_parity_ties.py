"""Two boxes whose overlap is all but the suppression limit: either side may keep either, and a third may then appear."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from builders import detections
from lineproof.adapt.parity import check_parity
from lineproof.core import StageTimes
from lineproof.core.threshold import Threshold
from lineproof.errors import ParityError

THRESHOLDS = {"dent": Threshold(0.5, 0.2)}
SURE = (100, 0, 200, 10, 0.9, 0)  # kept by both sides
TIED = (117.6, 0, 217.6, 10, 0.4, 0)  # overlaps SURE by 0.7007: one side rounds that below the limit of 0.7
NEIGHBOUR = (127, 0, 227, 10, 0.3, 0)  # suppressed by TIED where TIED is kept


def report_of(trained, runtime, folder: Path):
    path = folder / "part.png"
    cv2.imwrite(str(path), np.zeros((32, 256, 3), np.uint8))
    spec = SimpleNamespace(nms_iou=0.7, score_floor=0.05, tiles=None, input_wh=(256, 32))
    model = SimpleNamespace(detect=lambda _: detections(*trained), spec=spec)
    engine = SimpleNamespace(detect=lambda _: (detections(*runtime), StageTimes()), classes=("dent",))
    return check_parity(engine, model, [path], THRESHOLDS)


def test_two_survivors_of_one_tie_are_not_one_box_that_moved(tmp_path: Path):
    report = report_of([SURE, TIED], [SURE, NEIGHBOUR], tmp_path)
    assert (report.matched, report.nms_ties, report.decision_flips) == (1, 1, 0)
    assert report.max_box_difference_px == 0


def test_a_box_that_moved_without_a_tie_is_refused(tmp_path: Path):
    moved = (40, 4, 90, 14, 0.4, 0)
    with pytest.raises(ParityError, match=r"part\.png: a box is off by 10\.00 px"):
        report_of([SURE, moved], [SURE, (50, 4, 100, 14, 0.4, 0)], tmp_path)


def test_a_tie_of_boxes_that_the_edge_has_cut_is_a_tie(tmp_path: Path):
    cut = (188, 0, 256, 20, 0.9, 0)  # the frame is 256 wide: how far it went on is not known any more
    other = (200, 0, 256, 20, 0.3, 0)  # of what is left they share 0.82, not the 0.7 they were suppressed by
    assert report_of([cut], [cut, (206, 0, 256, 20, 0.3, 0)], tmp_path).nms_ties == 1  # 0.735
    with pytest.raises(ParityError, match=r"part\.png: the engine invented a detection of score 0\.300"):
        report_of([cut], [cut, other], tmp_path)
