"""Drawn parts for the tiny model: good ones are dark, a defect is a blue cell; green noise makes every image its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from builders import detections
from lineproof.core import Sample
from lineproof.data.dataset import Dataset, write_dataset
from tiny_bundle import CELL, CLASSES, SIZE


def picture(seed: int, blue: int = 0, column: int = 1) -> np.ndarray:
    """A part whose cell in row 2 has so much blue: its score is blue / 255."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[..., 1] = np.random.default_rng(seed).integers(0, 100, (SIZE, SIZE))
    image[2 * CELL : 3 * CELL, column * CELL : (column + 1) * CELL, 0] = blue
    return image


def defect(column: int = 1) -> tuple[float, ...]:
    """The box of that cell."""
    return column * CELL, 2 * CELL, (column + 1) * CELL, 3 * CELL, 1.0, 0


def plant(
    folder: Path,
    *,
    bad: Sequence[int] = (),
    good: Sequence[int] = (),
    calibration: tuple[Sequence[int], Sequence[int]] = ((), ()),
    train: int = 2,
    seed: int = 0,
) -> Dataset:
    """A dataset of parts by how blue they are: `bad` and `good` are test parts, `calibration` the same of val."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    samples = []

    def add(split: str, blue: int, *, is_bad: bool) -> None:
        number = len(samples)
        path = raw / f"{split}-{number:04d}.png"
        cv2.imwrite(str(path), picture(1000 * seed + number, blue))
        truth = detections(defect()) if is_bad else detections()
        samples.append(Sample(path, (SIZE, SIZE), truth, f"part {number}", split))

    for _ in range(train):
        add("train", 250, is_bad=True)
    for split, (bads, goods) in {"val": calibration, "test": (bad, good)}.items():
        for blue in bads:
            add(split, blue, is_bad=True)
        for blue in goods:
            add(split, blue, is_bad=False)
    return write_dataset(folder / "parts", CLASSES, samples, "lineproof")
