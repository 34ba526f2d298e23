"""Small annotated folders of every format, written for import tests."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

WH = (64, 48)


def write_picture(path: Path, wh: tuple[int, int] = WH, *, seed: int = 0) -> Path:
    """A noisy grey picture of the format its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (wh[1], wh[0], 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def write_mask(path: Path, *boxes: tuple[int, int, int, int], wh: tuple[int, int] = WH, value: int = 255) -> Path:
    """A grey mask picture with filled boxes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((wh[1], wh[0]), np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = value
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def write_text(path: Path, text: str) -> Path:
    """A text file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def yolo(root: Path, labels: dict[str, str], *, classes: str = "scratch\ndent\n") -> Path:
    """`images/` + `labels/` + `classes.txt`; labels by image name without suffix."""
    for number, (stem, text) in enumerate(labels.items()):
        write_picture(root / "images" / f"{stem}.jpg", seed=number)
        write_text(root / "labels" / f"{stem}.txt", text)
    write_text(root / "classes.txt", classes)
    return root


def coco(root: Path, annotations: list[dict[str, object]], *, images: int = 2, name: str = "instances.json") -> Path:
    """One COCO file with ids 10, 20, … for images `0.jpg`, `1.jpg`, … beside, classes scratch (3) and dent (7)."""
    for number in range(images):
        write_picture(root / f"{number}.jpg", seed=number)
    document = {
        "images": [
            {"id": 10 * (n + 1), "file_name": f"{n}.jpg", "width": WH[0], "height": WH[1]} for n in range(images)
        ],
        "annotations": annotations,
        "categories": [{"id": 3, "name": "scratch"}, {"id": 7, "name": "dent"}],
    }
    write_text(root / name, json.dumps(document))
    return root


def voc_xml(filename: str, *objects: tuple[str, int, int, int, int], wh: tuple[int, int] = WH) -> str:
    """The text of one Pascal VOC file."""
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        "</bndbox></object>"
        for name, x1, y1, x2, y2 in objects
    )
    size = f"<size><width>{wh[0]}</width><height>{wh[1]}</height><depth>1</depth></size>"
    return f"<annotation><folder>cr</folder><filename>{filename}</filename>{size}{boxes}</annotation>"
