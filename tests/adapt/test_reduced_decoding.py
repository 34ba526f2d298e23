"""The gate on real pixels: what the engine decides about JPEGs in full and at 1/2, 1/4, 1/8."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from lineproof.adapt.progress import PlainProgress
from lineproof.adapt.reduced_decoding import measure_reduced_decoding
from lineproof.bundle.reduced_decoding import MIN_IMAGES, ReducedDecoding
from lineproof.core import Detections, Sample
from lineproof.core.threshold import Threshold
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.proof.evaluate import detect_all
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules
from tiny_bundle import CELL, CLASSES, SIZE, part, tiny_engine

LIMITS = compile_limits(Rules(), CLASSES, dict.fromkeys(CLASSES, Threshold(0.8, 0.6)), 0.46)
EVERY_DETAIL = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def large(times: int, cell: tuple[int, int] | None = None) -> np.ndarray:
    """A part so many times larger than the model's input, one of its cells blue."""
    small = part() if cell is None else part((*cell, (255, 0, 0)))
    return np.kron(small, np.ones((times, times, 1), np.uint8))


def striped() -> np.ndarray:
    """Blue in the middle two of every four columns, which are all that a linear resize to a quarter looks at."""
    image = np.zeros((4 * SIZE, 4 * SIZE, 3), np.uint8)
    image[:, 1::4] = image[:, 2::4] = (255, 0, 0)
    return image


def sample(path: Path, image: np.ndarray, cell: tuple[int, int] | None = None) -> Sample:
    assert cv2.imwrite(str(path), image, EVERY_DETAIL if path.suffix == ".jpg" else [])
    truth = Detections.empty()
    if cell is not None:
        side = CELL * image.shape[0] // SIZE
        corner = np.array(cell) * side
        truth = Detections([[*corner, *(corner + side)]], [1], [0])
    return Sample(path, (image.shape[1], image.shape[0]), truth, path.stem, "val")


def blue_cells(folder: Path, count: int, times: int, suffix: str = ".jpg") -> list[Sample]:
    cells = [(n % 4, n // 4 % 4) for n in range(count)]
    return [sample(folder / f"{n}{suffix}", large(times, cell), cell) for n, cell in enumerate(cells)]


def measured(engine: OnnxEngine, samples: list[Sample]) -> tuple[ReducedDecoding, ...]:
    found, progress = detect_all(engine, samples), PlainProgress(Console(quiet=True))
    return measure_reduced_decoding(engine, samples, found, LIMITS, progress)


def test_every_reduction_that_the_input_allows_is_measured(tmp_path):
    rows = measured(tiny_engine(), blue_cells(tmp_path, MIN_IMAGES, times=4))
    assert [(row.reduction, row.images, row.decision_flips, row.allowed) for row in rows] == [
        (2, MIN_IMAGES, 0, True),
        (4, MIN_IMAGES, 0, True),
    ]
    assert all(row.map50_full == row.map50_reduced == pytest.approx(1.0) for row in rows)


def test_only_the_images_that_stay_large_enough_count(tmp_path):
    (tmp_path / "small").mkdir()
    samples = blue_cells(tmp_path, MIN_IMAGES, times=2) + blue_cells(tmp_path / "small", 5, times=1)
    assert [(row.reduction, row.images) for row in measured(tiny_engine(), samples)] == [(2, MIN_IMAGES)]


def test_a_decision_that_changes_shuts_the_gate(tmp_path):
    samples = blue_cells(tmp_path, MIN_IMAGES - 1, times=4)
    samples.append(sample(tmp_path / "striped.jpg", striped()))
    half, quarter = measured(tiny_engine(), samples)
    assert (quarter.decision_flips, quarter.allowed) == (1, False)
    assert (half.decision_flips, half.allowed) == (1, False)


def test_good_parts_alone_have_no_map(tmp_path):
    samples = [sample(tmp_path / f"{n}.jpg", large(2)) for n in range(MIN_IMAGES)]
    (row,) = measured(tiny_engine(), samples)
    assert (row.map50_full, row.map50_reduced, row.allowed) == (None, None, True)
    assert not any(math.isnan(value) for value in row.model_dump().values() if value is not None)


@pytest.mark.parametrize(
    ("count", "times", "suffix"),
    [(MIN_IMAGES - 1, 4, ".jpg"), (MIN_IMAGES, 1, ".jpg"), (MIN_IMAGES, 4, ".png")],
    ids=["too few", "too small", "no JPEG"],
)
def test_what_proves_nothing_is_skipped(tmp_path, count, times, suffix):
    assert measured(tiny_engine(), blue_cells(tmp_path, count, times, suffix)) == ()


@pytest.mark.parametrize("changes", [{"task": "segment"}, {"dynamic": True}])
def test_masks_and_dynamic_inputs_are_not_even_read(changes, tmp_path):
    engine = tiny_engine()
    engine.spec = replace(engine.spec, **changes)
    gone = [Sample(tmp_path / "gone.jpg", (256, 256), Detections.empty(), "g")] * MIN_IMAGES
    progress = PlainProgress(Console(quiet=True))
    assert measure_reduced_decoding(engine, gone, [Detections.empty()] * MIN_IMAGES, LIMITS, progress) == ()
