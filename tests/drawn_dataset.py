"""Small datasets of textured pictures, good and broken ones, for the tests of the audit and the split."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from lineproof.core import BoxMask, Detections, Sample
from lineproof.data.dataset import Dataset, write_dataset

CLASSES = ("scratch", "pit")


def texture(seed: int, size_wh: tuple[int, int] = (128, 96)) -> np.ndarray:
    """A cast surface `(H, W, 3)`: no two seeds show the same place."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    fine = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 1.2)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 5)
    grey = 120 + 25 * fine / fine.std() + 15 * coarse / coarse.std()
    return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def expose(picture: np.ndarray, gain: float, gamma: float = 1.0) -> np.ndarray:
    """The same picture at another exposure."""
    return np.clip(255 * gain * (picture / 255.0) ** gamma, 0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def truth(*rows: tuple[float, float, float, float, int], masks: bool = False) -> Detections:
    """Rows of (x1, y1, x2, y2, class_id)."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    filled = tuple(BoxMask(int(x), int(y), np.ones((int(v - y), int(u - x)), np.bool_)) for x, y, u, v, _ in rows)
    return Detections(
        table[:, :4], np.ones(len(table), np.float32), table[:, 4].astype(np.int32), filled if masks else None
    )


def sample(path: Path, *rows: tuple[float, float, float, float, int], group: str = "", split: str = "", masks=False):
    """A sample of a picture that lies on disk."""
    height, width = cv2.imread(str(path)).shape[:2]
    return Sample(path, (width, height), truth(*rows, masks=masks), group or path.name, split)


def parts(folder: Path, count: int, shots: int = 1) -> list[Sample]:
    """Parts shown `shots` times at other exposures; every third is good, the others have a scratch or a pit."""
    samples = []
    for part in range(count):
        rows = () if part % 3 == 0 else ((10, 10, 40, 30, part % 3 - 1),)
        for shot in range(shots):
            picture = expose(texture(part), 0.6 + 0.25 * shot)
            samples.append(sample(save(folder / f"part{part:02d}_{shot}.png", picture), *rows))
    return samples


def dataset(tmp_path: Path, samples: list[Sample]) -> Dataset:
    return write_dataset(tmp_path / "dataset", CLASSES, samples, "test", name_of=lambda s: s.image.name)


def edit_annotations(root: Path, change) -> None:
    """Let `change(document)` spoil the annotations of a dataset."""
    path = root / "annotations.coco.json"
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")  # NaN is written as NaN, as broken tools do
