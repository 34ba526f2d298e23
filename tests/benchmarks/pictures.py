"""Frames for the benchmarks: images of a folder laid side by side until a frame of the wanted size is full."""

from __future__ import annotations

import os
import random
from pathlib import Path

import cv2
import numpy as np

DEFAULT = Path(os.environ.get("LINEPROOF_SHARED", "../shared")) / "data/neu-det/images"
TILE = 320  # pixels: a NEU-DET image of 200 × 200, enlarged; some ten of them fill a 1080p frame


def mosaics(folder: Path, wh: tuple[int, int], count: int) -> list[np.ndarray]:
    """`count` different frames `(H, W, 3)` uint8 BGR, always the same ones."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp"})
    if not paths:
        raise SystemExit(f"{folder}: no images; name a folder with --images")
    choose = random.Random(0)
    return [_mosaic(paths, wh, choose) for _ in range(count)]


def _mosaic(paths: list[Path], wh: tuple[int, int], choose: random.Random) -> np.ndarray:
    across, down = -(-wh[0] // TILE), -(-wh[1] // TILE)
    rows = [np.hstack([_tile(choose.choice(paths)) for _ in range(across)]) for _ in range(down)]
    return np.ascontiguousarray(np.vstack(rows)[: wh[1], : wh[0]])


def _tile(path: Path) -> np.ndarray:
    return cv2.resize(cv2.imread(str(path), cv2.IMREAD_COLOR), (TILE, TILE))
