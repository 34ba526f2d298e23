from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.bundle.training_images import TRAINING, TrainingImages
from lineproof.core import Detections, Sample
from lineproof.data.dataset import open_dataset, write_dataset
from lineproof.data.training_images import find_known, take_prints, training_images
from lineproof.errors import BundleError, DatasetError


def texture(seed: int, size: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(0, 60, (size, size)).astype(np.float32), (0, 0), 2.5)
    return cv2.cvtColor(np.clip(128 + 3 * coarse, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def dataset(folder: Path, images: dict[str, tuple[np.ndarray, str, str]]):
    """Name → (picture, split, group)."""
    folder.mkdir()
    samples = []
    for name, (picture, split, group) in images.items():
        cv2.imwrite(str(folder / name), picture)
        wh = (picture.shape[1], picture.shape[0])
        samples.append(Sample(folder / name, wh, Detections.empty(with_masks=True), group, split))
    return write_dataset(folder / "data", ("dent",), samples, "lineproof")


@pytest.fixture
def trained(tmp_path):
    images = {f"t{i}.png": (texture(i), "train" if i < 6 else "val", f"lot{i}") for i in range(8)}
    data = dataset(tmp_path / "training", images)
    return data, training_images(data)


def known(trained, data):
    samples = [sample for sample in data.samples if sample.split == "test"]
    return find_known(trained, data, samples, take_prints(samples))


def test_prints_survive_the_bundle(trained):
    _, prints = trained
    read = TrainingImages.of_bundle({TRAINING: prints.to_json()}, "b")
    assert read is not None
    assert read.images == prints.images
    assert (read.tiny == prints.tiny).all()
    assert [image.split for image in read.images].count("val") == 2


def test_a_bundle_without_prints_says_nothing():
    assert TrainingImages.of_bundle({}, "b") is None


@pytest.mark.parametrize("text", [b"", b"[]", b'{"images": [], "tiny": "AAAA"}', b'{"images": [], "tiny": "%"}'])
def test_broken_prints_are_refused(text):
    with pytest.raises(BundleError, match=r"training\.json cannot be read") as caught:
        TrainingImages.of_bundle({TRAINING: text}, "b")
    assert "\n" not in str(caught.value)


def test_other_parts_are_not_known(trained, tmp_path):
    other = dataset(tmp_path / "other", {f"o{i}.png": (texture(100 + i), "test", "lot1") for i in range(4)})
    found = known(trained[1], other)
    assert found.known == ()
    assert found.pictures_told_apart


def test_an_identical_file_is_known(trained, tmp_path):
    other = dataset(tmp_path / "other", {"x.png": (texture(3), "test", "mine")})
    (one,) = known(trained[1], other).known
    assert str(one) == "x.png (identical file as t3.png of train)"


COPIES = {
    "JPEG": lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1),
    "darker": lambda p: (p * 0.7).astype(np.uint8),
    "smaller": lambda p: cv2.resize(p, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "turned": lambda p: np.ascontiguousarray(np.rot90(p)),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_saved_again_is_known(trained, tmp_path, change):
    other = dataset(tmp_path / "other", {"x.png": (COPIES[change](texture(7)), "test", "mine")})
    (one,) = known(trained[1], other).known
    assert str(one) == "x.png (same picture as t7.png of val)"


def test_a_group_is_known_inside_its_own_dataset_only(trained, tmp_path):
    data, prints = trained
    images = {s.image.name: (cv2.imread(str(s.image)), s.split, s.group) for s in data.samples}
    more = dataset(tmp_path / "more", images | {"new.png": (texture(50), "test", "lot2")})
    (one,) = known(prints, more).known
    assert str(one) == "new.png (same group as t2.png of train)"


def test_parts_that_all_look_alike_are_told_by_their_files_alone(tmp_path):
    def part(seed):
        return np.clip(texture(1).astype(int) + np.random.default_rng(seed).integers(-2, 3), 0, 255).astype(np.uint8)

    data = dataset(tmp_path / "training", {f"t{i}.png": (part(i), "train", f"g{i}") for i in range(8)})
    other = dataset(tmp_path / "other", {"a.png": (part(77), "test", "m1"), "b.png": (part(3), "test", "m2")})
    found = known(training_images(data), other)
    assert not found.pictures_told_apart
    assert [k.name for k in found.known if k.why != "identical file"] == []


def test_an_image_that_is_gone_is_named(trained):
    data, _ = trained
    gone = replace(data.samples[0], image=data.root / "images" / "gone.png")
    with pytest.raises(DatasetError, match=r"gone\.png: cannot be read"):
        training_images(replace(data, samples=(gone,)))


def test_no_training_image_is_no_image(tmp_path):
    data = dataset(tmp_path / "d", {"x.png": (texture(1), "test", "g")})
    prints = training_images(open_dataset(data.root))
    assert prints.images == ()
    assert known(prints, data).known == ()
