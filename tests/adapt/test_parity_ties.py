"""Two boxes whose overlap is all but the suppression limit: either side may keep either, and a third may then appear."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from builders import detections
from lineproof.adapt.parity import check_parity
from lineproof.adapt.trained_model import TrainedModel
from lineproof.core import StageTimes
from lineproof.core.threshold import Threshold
from lineproof.engine.decode import Candidates
from lineproof.engine.nms import average
from lineproof.engine.spec import EngineSpec
from lineproof.errors import ParityError

THRESHOLDS = {"dent": Threshold(0.5, 0.2)}
SURE = (100, 0, 200, 10, 0.9, 0)  # kept by both sides
TIED = (117.6, 0, 217.6, 10, 0.4, 0)  # overlaps SURE by 0.7007: one side rounds that below the limit of 0.7
NEIGHBOUR = (127, 0, 227, 10, 0.3, 0)  # suppressed by TIED where TIED is kept
FAR = (20, 0, 60, 10, 0.3, 0)  # overlaps nothing


class Says(torch.nn.Module):
    """A network that gives the same rows whatever it sees."""

    def __init__(self, rows):
        super().__init__()
        x1, y1, x2, y2, score, _ = torch.tensor(rows).T
        self.prediction = torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, score])[None]

    def forward(self, _):
        return (self.prediction.clone(),)


def report_of(rows, runtime, folder: Path, *, averaged: bool = False, nms_iou: float = 0.7):
    path = folder / "part.png"
    cv2.imwrite(str(path), np.zeros((32, 256, 3), np.uint8))
    spec = EngineSpec("detect", ("dent",), (256, 32), score_floor=0.05, nms_iou=nms_iou, averaged=averaged)
    engine = SimpleNamespace(detect=lambda _: (detections(*runtime), StageTimes()), classes=("dent",))
    return check_parity(engine, TrainedModel(Says(rows), spec), [path], THRESHOLDS)


def placed(rows, kept, nms_iou: float) -> list[tuple[float, ...]]:
    """Boxes as the engine places those that it kept."""
    table = np.array(rows, np.float32)
    columns = Candidates(table[:, :4], table[:, 4], table[:, 5].astype(np.intp), np.arange(len(rows)))
    xyxy = average(columns, np.array([rows.index(row) for row in kept]), iou=nms_iou)
    return [(*map(float, box), *row[4:]) for box, row in zip(xyxy, kept, strict=True)]


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("kept", [[SURE, TIED], [SURE, NEIGHBOUR]])
def test_either_side_of_a_tie_is_right(tmp_path: Path, kept, averaged):
    """The trained side keeps NEIGHBOUR. Averaged boxes are drawn towards each other and show no overlap near the limit."""
    rows = [SURE, TIED, NEIGHBOUR]
    runtime = placed(rows, kept, 0.7) if averaged else kept
    report = report_of(rows, runtime, tmp_path, averaged=averaged)
    assert (report.unmatched_trained, report.unmatched_runtime, report.decision_flips) == (0, 0, 0)
    assert (report.matched, report.nms_ties) == ((2, 0) if NEIGHBOUR in kept else (1, 1))
    assert report.max_box_difference_px < 1e-3


def test_what_is_no_tie_is_lost_or_invented(tmp_path: Path):
    with pytest.raises(ParityError, match=r"part\.png: the engine lost a detection of score 0\.300"):
        report_of([SURE, FAR], [SURE], tmp_path)
    with pytest.raises(ParityError, match=r"part\.png: the engine invented a detection of score 0\.300"):
        report_of([SURE], [SURE, FAR], tmp_path)


def test_a_box_that_moved_without_a_tie_is_refused(tmp_path: Path):
    moved = (40, 4, 90, 14, 0.4, 0)
    with pytest.raises(ParityError, match=r"part\.png: a box is off by 10\.00 px"):
        report_of([SURE, moved], [SURE, (50, 4, 100, 14, 0.4, 0)], tmp_path)


def test_a_tie_of_boxes_that_the_edge_has_cut_is_a_tie(tmp_path: Path):
    """Suppression sees them whole: what is left of them in the frame may share much more, or less."""
    whole, other = (188, 0, 288, 20, 0.9, 0), (205.6, 0, 305.6, 20, 0.3, 0)  # 0.7007
    cut, other_cut = (188, 0, 256, 20, 0.9, 0), (205.6, 0, 256, 20, 0.3, 0)
    both = report_of([whole, other], [cut, other_cut], tmp_path)
    one = report_of([whole, other], [cut], tmp_path)
    assert sorted([both.nms_ties, one.nms_ties]) == [0, 1]
    with pytest.raises(ParityError, match=r"part\.png: the engine invented a detection of score 0\.300"):
        report_of([whole, (200, 0, 300, 20, 0.3, 0)], [cut, (200, 0, 256, 20, 0.3, 0)], tmp_path)
