"""Pasting inside ultralytics' dataset, as the trainer uses it."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

from lineproof.adapt import images
from lineproof.adapt.images import TrainingImages
from lineproof.adapt.workspace import Workspace, prepare_workspace
from lineproof.data.dataset import Dataset


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "cpu_threads", lambda: 1)


@pytest.fixture(params=["detect", "segment"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    dataset: Dataset = request.getfixturevalue("boxes" if request.param == "detect" else "masks")
    return prepare_workspace(dataset, request.param, tmp_path / "workspace")


def training_images(space: Workspace, paste: float = 1.0, **changes: object) -> TrainingImages:
    hyp = IterableSimpleNamespace(**{**vars(DEFAULT_CFG), "augmentations": [], "mosaic": 0.0})
    return TrainingImages(
        img_path=str(space.images("train")),
        imgsz=64,
        batch_size=4,
        hyp=hyp,
        rect=False,
        cache="ram",
        data={"names": dict(enumerate(space.classes)), "nc": 2, "channels": 3},
        task=space.task,
        **{"paste": paste, "orientation": "free", "augment": True, **changes},
    )


def drawn(dataset: TrainingImages, seed: int) -> list[dict]:
    random.seed(seed)
    return [dataset.get_image_and_label(index) for index in range(len(dataset))]


def test_labels_stay_valid_and_the_box_is_what_was_pasted(workspace: Workspace):
    dataset = training_images(workspace)
    before = [dataset.load_image(index)[0].copy() for index in range(len(dataset))]
    added = 0
    for seed in range(5):
        for index, label in enumerate(drawn(dataset, seed)):
            instances = label["instances"]
            count, had = len(instances), len(dataset.labels[index]["cls"])
            assert len(label["cls"]) == count
            assert label["cls"].shape == (count, 1)
            assert label["img"].shape == before[index].shape
            assert count in (had, had + 1)
            instances.convert_bbox("xyxy")
            assert (instances.bboxes >= -1e-6).all()
            assert (instances.bboxes <= 1 + 1e-6).all()
            if count > had:
                added += 1
                height, width = label["img"].shape[:2]
                changed = np.argwhere((label["img"] != before[index]).any(axis=2))
                box = np.round(instances.bboxes[-1] * (width, height, width, height), 3)
                margin = 5 if workspace.task == "segment" else 1  # the feather, and a resized edge
                assert (changed[:, ::-1].min(axis=0) >= box[:2] - margin).all()
                assert (changed[:, ::-1].max(axis=0) + 1 <= box[2:] + margin).all()
            else:
                assert np.array_equal(label["img"], before[index])
            if workspace.task == "segment":
                assert len(instances.segments) == count
                points = instances.segments[-1:] if count > had else []
                for outline in points:
                    assert np.allclose(outline.min(axis=0), instances.bboxes[-1, :2], atol=1e-3)
                    assert np.allclose(outline.max(axis=0), instances.bboxes[-1, 2:], atol=1e-3)
    assert added > 20
    for index, image in enumerate(before):
        assert np.array_equal(dataset.load_image(index)[0], image), "the cached image was painted on"


def test_the_same_seed_pastes_the_same(workspace: Workspace):
    dataset = training_images(workspace)
    once, twice, other = (
        np.concatenate([label["img"].ravel() for label in drawn(dataset, seed)]) for seed in (1, 1, 2)
    )
    assert np.array_equal(once, twice)
    assert not np.array_equal(once, other)


def test_donors_are_training_images_only(workspace: Workspace):
    dataset = training_images(workspace)
    donors = [place for places in dataset.donors.by_class.values() for place in places]
    files = {dataset.im_files[index] for index, _ in donors}
    assert files
    assert {Path(file).parent for file in files} == {workspace.images("train")}
    assert len(donors) == sum(len(label["cls"]) for label in dataset.labels)


def test_good_parts_get_defects_and_none_when_not_asked(workspace: Workspace):
    good = [i for i, label in enumerate(training_images(workspace).labels) if not len(label["cls"])]
    assert good
    dataset = training_images(workspace)
    assert any(len(drawn(dataset, seed)[index]["cls"]) for seed in range(5) for index in good)
    for index, label in enumerate(drawn(training_images(workspace, paste=0.0), 0)):
        assert len(label["cls"]) == len(dataset.labels[index]["cls"])


def test_nothing_is_pasted_once_mosaics_are_closed(workspace: Workspace):
    dataset = training_images(workspace)
    dataset.close_mosaic(IterableSimpleNamespace(**{**vars(DEFAULT_CFG), "augmentations": []}))
    for index, label in enumerate(drawn(dataset, 0)):
        assert len(label["cls"]) == len(dataset.labels[index]["cls"])


def test_it_travels_to_a_worker_process(workspace: Workspace):
    dataset = training_images(workspace)
    there = pickle.loads(pickle.dumps(dataset))
    one, two = drawn(dataset, 4), drawn(there, 4)
    assert all(np.array_equal(a["img"], b["img"]) for a, b in zip(one, two, strict=True))
