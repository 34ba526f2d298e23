from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from ultralytics.data.utils import check_det_dataset, check_image

from lineproof.adapt.workspace import choose_task, prepare_workspace
from lineproof.core import Detections, Sample
from lineproof.data.dataset import Dataset, with_splits, write_dataset
from lineproof.errors import DatasetError


def rows(workspace_root: Path, split: str) -> list[list[float]]:
    files = sorted((workspace_root / "labels" / split).glob("*.txt"))
    return [[float(v) for v in line.split()] for file in files for line in file.read_text().splitlines()]


def test_images_labels_and_yaml_are_what_ultralytics_reads(boxes: Dataset, tmp_path: Path):
    workspace = prepare_workspace(boxes, "detect", tmp_path / "work")
    images = sorted(workspace.images("train").iterdir())
    assert len(images) == len(workspace.train) == 12
    assert all((workspace.root / "labels" / "train" / f"{image.stem}.txt").is_file() for image in images)
    description = yaml.safe_load(workspace.yaml.read_text())
    assert set(description) == {"path", "train", "val", "names"}
    assert check_det_dataset(str(workspace.yaml), autodownload=False)["nc"] == 2


def test_boxes_come_back_from_the_labels(boxes: Dataset, tmp_path: Path):
    workspace = prepare_workspace(boxes, "detect", tmp_path / "work")
    got = np.array(rows(workspace.root, "train"))
    want = np.concatenate([s.truth.xyxy for s in workspace.train])
    centre, size = got[:, 1:3] * (80, 64), got[:, 3:5] * (80, 64)
    np.testing.assert_allclose(np.hstack([centre - size / 2, centre + size / 2]), want, atol=1e-4)


def test_a_good_part_has_an_empty_label_file(boxes: Dataset, tmp_path: Path):
    workspace = prepare_workspace(boxes, "detect", tmp_path / "work")
    empty = [f for f in (workspace.root / "labels" / "train").iterdir() if f.stat().st_size == 0]
    assert len(empty) == sum(s.ok for s in workspace.train) == 2


def test_masks_become_polygons_that_span_their_boxes(masks: Dataset, tmp_path: Path):
    workspace = prepare_workspace(masks, "segment", tmp_path / "work")
    want = np.concatenate([s.truth.xyxy for s in workspace.train])
    for row, box in zip(rows(workspace.root, "train"), want, strict=True):
        points = np.array(row[1:]).reshape(-1, 2) * (80, 64)
        np.testing.assert_allclose([*points.min(axis=0), *points.max(axis=0)], box, atol=1e-4)


def test_the_task_is_what_was_asked_for_or_what_the_data_allow(boxes: Dataset, masks: Dataset):
    assert choose_task(boxes, None) == "detect"
    assert choose_task(masks, None) == "segment"
    assert choose_task(masks, "detect") == "detect"
    with pytest.raises(DatasetError, match=r"has no masks to learn – train with --task detect"):
        choose_task(boxes, "segment")


def test_without_a_validation_split_the_remedy_is_named(boxes: Dataset, tmp_path: Path):
    names = {boxes.name_of(s): "train" for s in boxes.samples}
    copy = write_dataset(tmp_path / "d", boxes.classes, boxes.samples, "test")
    with pytest.raises(DatasetError, match=r"no image in split 'val'.*lineproof data split"):
        prepare_workspace(with_splits(copy, names, {}), "detect", tmp_path / "work")


def test_training_images_without_any_defect_are_refused(boxes: Dataset, tmp_path: Path):
    good = tuple(replace(s, truth=Detections.empty()) for s in boxes.samples)
    copy = write_dataset(tmp_path / "d", boxes.classes, good, "test")
    with pytest.raises(DatasetError, match="nothing to learn from good parts alone"):
        prepare_workspace(copy, "detect", tmp_path / "work")


def test_an_image_that_is_none_is_named(boxes: Dataset, tmp_path: Path):
    copy = write_dataset(tmp_path / "d", boxes.classes, boxes.samples, "test")
    copy.samples[3].image.write_bytes(b"not an image")
    with pytest.raises(DatasetError, match=r"part-03\.png: not an image"):
        prepare_workspace(copy, "detect", tmp_path / "work")


def test_a_jpeg_with_something_behind_its_end_stays_as_it_is(tmp_path: Path):
    """ultralytics writes such a file anew; through the link that would be the user's own."""
    samples = []
    for split in ("train", "val"):
        path = tmp_path / f"{split}.jpg"
        data = cv2.imencode(".jpg", np.full((40, 40, 3), 90, np.uint8))[1].tobytes()
        path.write_bytes(data + b"\x00\x00")
        box = np.array([[5, 5, 20, 20]], np.float32)
        samples.append(Sample(path, (40, 40), Detections(box, np.ones(1), np.zeros(1)), split, split))
    dataset = write_dataset(tmp_path / "d", ("dent",), samples, "test")
    before = dataset.samples[0].image.read_bytes()
    image = next(prepare_workspace(dataset, "detect", tmp_path / "work").images("train").iterdir())
    message, _ = check_image(str(image))
    assert "corrupt JPEG restored" in message
    assert dataset.samples[0].image.read_bytes() == before


def test_without_symbolic_links_images_are_linked_or_copied(
    boxes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    workspace = prepare_workspace(boxes, "detect", tmp_path / "work")
    image = next(workspace.images("val").iterdir())
    assert image.is_file()
    assert not image.is_symlink()


def test_a_second_time_starts_from_nothing(boxes: Dataset, tmp_path: Path):
    workspace = prepare_workspace(boxes, "detect", tmp_path / "work")
    (workspace.images("train") / "stranger.png").write_bytes(b"x")
    (workspace.root / "labels" / "train.cache").write_bytes(b"a pickle of somebody")
    again = prepare_workspace(boxes, "detect", tmp_path / "work")
    assert not (again.images("train") / "stranger.png").exists()
    assert not (again.root / "labels" / "train.cache").exists()
