"""A tiny dataset of squares, and one processor core: several would only wait for each other on images this small."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from lineproof.adapt import trainer
from lineproof.core import BoxMask, Detections, Sample
from lineproof.data.dataset import Dataset, write_dataset

CLASSES = ("white", "red")


def draw_parts(folder: Path, count: int, *, masks: bool) -> list[Sample]:
    """Grey parts with one white or red square each; every sixth is good; the last third is for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        image = rng.integers(90, 120, (64, 80, 3)).astype(np.uint8)
        truth = Detections.empty(with_masks=masks)
        if index % 6 != 5:
            x, y = (int(v) for v in rng.integers(4, 30, 2))
            width, height = (int(v) for v in rng.integers(14, 26, 2))
            image[y : y + height, x : x + width] = (250, 250, 250) if index % 2 else (20, 20, 230)
            mask = BoxMask(x, y, np.ones((height, width), np.bool_))
            box = np.array([[x, y, x + width, y + height]], np.float32)
            truth = Detections(box, np.ones(1), np.array([(index + 1) % 2]), (mask,) if masks else None)
        path = folder / f"part-{index:02d}.png"
        cv2.imwrite(str(path), image)
        split = "train" if index < count * 2 // 3 else "val"
        samples.append(Sample(path, (80, 64), truth, f"g{index}", split))
    return samples


@pytest.fixture(scope="session")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """18 parts with boxes."""
    root = tmp_path_factory.mktemp("boxes")
    return write_dataset(root / "data", CLASSES, draw_parts(root / "drawn", 18, masks=False), "test")


@pytest.fixture(scope="session")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """18 parts with masks."""
    root = tmp_path_factory.mktemp("masks")
    return write_dataset(root / "data", CLASSES, draw_parts(root / "drawn", 18, masks=True), "test")


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "cpu_threads", lambda: 1)


@pytest.fixture(autouse=True)
def no_base_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Bases of whoever runs the tests must not decide them."""
    monkeypatch.setenv("LINEPROOF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LINEPROOF_OFFLINE", "1")
    monkeypatch.delenv("LINEPROOF_WEIGHTS", raising=False)
