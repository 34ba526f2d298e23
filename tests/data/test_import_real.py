"""Real data: the steel images through three formats, the magnetic tiles through their masks."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from lineproof.data.dataset import Dataset, content_hash, open_dataset
from lineproof.data.importer import ImportOptions, import_dataset
from lineproof.errors import DatasetError

pytestmark = pytest.mark.shared

# README of the data, table "boxes".
NEU_BOXES = {
    "crazing": 689,
    "inclusion": 1011,
    "patches": 881,
    "pitted_surface": 432,
    "rolled-in_scale": 628,
    "scratches": 548,
}
# README of the data: components above 127 (118, 126, 70, 41, 107) less those under 10 px (0, 9, 0, 3, 8).
TILE_COMPONENTS = {"Blowhole": 118, "Break": 117, "Crack": 70, "Fray": 38, "Uneven": 99}
TILES_WITHOUT_MASK = ("exp3_num_45042", "exp4_num_45057", "exp4_num_124690", "exp4_num_352527")


@pytest.fixture(scope="module")
def neu_root(shared_root: Path) -> Path:
    return shared_root / "data" / "neu-det"


def kaggle_split(neu_root: Path) -> tuple[tuple[str, Path], ...]:
    return tuple((split, neu_root / "splits" / f"kaggle_{split}.txt") for split in ("train", "val"))


@pytest.fixture(scope="module")
def steel(neu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    options = ImportOptions(format="coco", split_lists=kaggle_split(neu_root))
    return import_dataset(neu_root, tmp_path_factory.mktemp("steel") / "coco", options).dataset


@pytest.fixture(scope="module")
def unpacked_yolo(neu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yolo")
    with zipfile.ZipFile(neu_root / "yolo_labels.zip") as archive:
        archive.extractall(folder)
    (folder / "images").symlink_to(neu_root / "images", target_is_directory=True)
    return folder


def same_boxes(one: Dataset, other: Dataset) -> int:
    """Check every image of the second against the first; how many boxes were compared."""
    by_name = {one.name_of(sample): sample for sample in one.samples}
    for sample in other.samples:
        twin = by_name[other.name_of(sample)]
        assert np.array_equal(sample.truth.xyxy, twin.truth.xyxy), sample.image.name
        names = [[d.classes[i] for i in s.truth.class_id] for d, s in ((one, twin), (other, sample))]
        assert names[0] == names[1], sample.image.name
        assert sample.split == twin.split
    return sum(len(sample.truth) for sample in other.samples)


def test_steel_counts_are_those_of_its_readme(steel: Dataset) -> None:
    assert len(steel.samples) == 1800
    assert steel.class_counts() == NEU_BOXES
    assert not any(sample.ok for sample in steel.samples)
    images = {split: [s for s in steel.samples if s.split == split] for split in ("train", "val")}
    assert {split: len(found) for split, found in images.items()} == {"train": 1439, "val": 361}
    assert {split: sum(len(s.truth) for s in found) for split, found in images.items()} == {"train": 3332, "val": 857}
    assert content_hash(steel.root) == steel.content_hash


def test_steel_boxes_from_yolo_are_identical(
    steel: Dataset, neu_root: Path, unpacked_yolo: Path, tmp_path: Path
) -> None:
    options = ImportOptions(split_lists=kaggle_split(neu_root))
    report = import_dataset(unpacked_yolo, tmp_path / "out", options)
    assert report.dataset.source_format == "yolo"
    assert same_boxes(steel, report.dataset) == 4189
    assert report.dataset.content_hash == steel.content_hash


def test_steel_boxes_from_voc_are_identical(steel: Dataset, neu_root: Path, tmp_path: Path) -> None:
    options = ImportOptions(format="voc", unlabelled="skip", split_lists=kaggle_split(neu_root))
    report = import_dataset(neu_root, tmp_path / "out", options)
    assert (len(report.dataset.samples), len(report.unlabelled)) == (100, 1700)
    assert same_boxes(steel, report.dataset) == 282


def test_the_steel_folder_holds_two_formats_and_that_is_asked(neu_root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"could be coco \(instances_all.json\); voc \(100 XML files.*--format coco"):
        import_dataset(neu_root, tmp_path / "out", ImportOptions())


def test_steel_images_without_xml_are_refused_by_name(neu_root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"1700 images without annotation \(no XML file\): crazing_1.jpg"):
        import_dataset(neu_root, tmp_path / "out", ImportOptions(format="voc"))


@pytest.fixture(scope="module")
def tiles(shared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("tiles") / "masks"
    report = import_dataset(shared_root / "data" / "magnetic-tile", out, ImportOptions(unlabelled="skip"))
    left_out = dict(line.split(": ", 1) for line in report.unlabelled)
    assert sorted(n for n, why in left_out.items() if why == "empty mask in a defect folder") == sorted(
        f"MT_Uneven/{stem}.jpg" for stem in TILES_WITHOUT_MASK
    )
    # Two more have specks of 1 and 3 px as their whole label.
    assert len(left_out) == 6
    return report.dataset


def test_tile_counts_are_those_of_its_readme(tiles: Dataset) -> None:
    assert tiles.class_counts() == TILE_COMPONENTS
    assert sum(sample.ok for sample in tiles.samples) == 300
    assert len(tiles.samples) == 392 + 300 - 6
    assert tiles.has_masks


def test_tile_masks_survive_the_disk_to_the_pixel(tiles: Dataset) -> None:
    assert open_dataset(tiles.root).has_masks
    for sample in tiles.samples:
        assert sample.truth.masks is not None
        boxes = [mask.xyxy for mask in sample.truth.masks]
        assert np.array_equal(np.array(boxes, np.float32).reshape(-1, 4), sample.truth.xyxy)
        assert all(mask.area_px >= 10 for mask in sample.truth.masks)
