from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from lineproof.adapt.calibration import calibration_images
from lineproof.adapt.export import export_onnx
from lineproof.adapt.parity import ParityTolerance, check_parity
from lineproof.adapt.trained_model import TrainedModel
from lineproof.core import Detections, Sample
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.core.tiles import Tiling
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec
from lineproof.errors import ParityError
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train

TILES = Tiling((128, 96), (32, 24))
THRESHOLDS = {name: Threshold(0.8, 0.6) for name in CLASSES}
NOISY_MASKS = ParityTolerance(mask_iou=0.9)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


class Setup:
    """A restless network, its export, and frames of two to four tiles; it finds something everywhere."""

    def __init__(self, task: str, folder: Path) -> None:
        self.spec = EngineSpec(task, CLASSES, (128, 96), score_floor=0.4, nms_iou=0.7, max_detections=3000, tiles=TILES)
        model = restless_network(task)
        self.onnx = export_onnx(model, self.spec.input_wh).onnx
        self.trained = TrainedModel(model, self.spec)
        self.images = []
        for number, size in enumerate([(128, 97), (301, 77), (224, 168)]):
            path = folder / f"{number}.png"
            cv2.imwrite(str(path), blobs(100 + number, *size))
            self.images.append(path)

    def engine(self, *, max_batch: int = 1, **changes: object) -> OnnxEngine:
        spec = replace(self.spec, **changes)
        return OnnxEngine.from_model(self.onnx, spec, "cpu", threads=1, max_batch=max_batch)


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return Setup("detect", tmp_path_factory.mktemp("detect"))


@pytest.mark.parametrize("max_batch", [1, 4])
def test_the_tiled_engine_sees_what_the_tiled_network_sees(detect: Setup, max_batch: int):
    report = check_parity(detect.engine(max_batch=max_batch), detect.trained, detect.images, THRESHOLDS)
    assert (report.images, report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (3, 0, 0, 0)
    assert report.matched > 100
    assert report.max_box_difference_px < 0.05
    assert report.max_score_difference < 1e-4


def test_so_does_one_with_masks(tmp_path: Path):
    setup = Setup("segment", tmp_path)
    report = check_parity(setup.engine(), setup.trained, setup.images, THRESHOLDS, tolerance=NOISY_MASKS)
    assert (report.decision_flips, report.unmatched_trained, report.unmatched_runtime) == (0, 0, 0)
    assert report.mean_mask_iou is not None


@pytest.mark.parametrize("tiles", [None, Tiling((128, 96), (24, 24)), Tiling((96, 96), (32, 24))])
def test_an_engine_that_tiles_otherwise_is_refused(detect: Setup, tiles: Tiling | None):
    with pytest.raises(ParityError):
        check_parity(detect.engine(tiles=tiles), detect.trained, detect.images, THRESHOLDS)


def test_calibration_sees_tiles_as_the_line_does(detect: Setup):
    samples = [Sample(path, (1, 1), Detections.empty(), path.name) for path in detect.images]
    inputs = [image.copy() for image in calibration_images(samples, detect.spec)]
    assert [image.shape for image in inputs] == [(1, 96, 128, 3)] * 3
    frame = read_image(detect.images[2])
    third = TILES.grid((224, 168))[2]  # the third sample gives its third tile, which is as large as the input
    assert (inputs[2][0] == third.cut(frame)).all()
